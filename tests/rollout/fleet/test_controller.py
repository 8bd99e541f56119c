"""The controller, with gateways that speak and a broker in memory."""

import threading
from datetime import timedelta

import pytest
from gateways import (
    ABORT,
    LINE,
    PAUSE,
    RESUME,
    TAKE_BACK,
    Hall,
    head_of,
    prove,
    roll_back,
    run,
    stay_silent,
)

from benchmarks.fleet.memory_broker import MemoryBroker
from edge_agent.rollout.fleet.start import OverlapError
from edge_agent.rollout.messages import Terms


def test_a_rollout_ends_when_every_gateway_has_proved_itself(
    hall: Hall, broker: MemoryBroker
) -> None:
    speakers = hall.speakers(broker, prove)
    rollout = hall.start()
    outcome, progress = run(hall.desk, broker.client(), rollout)
    assert (outcome, progress.succeeded) == ("ended", True)
    assert all(len(speaker.desires) == 1 for speaker in speakers.values())
    assert [entry.action for entry in hall.desk.home.journal.entries()][-3:] == [
        "drive",
        "wave",
        "end",
    ]
    head = head_of(hall, broker, rollout)
    assert (head.status, head.lease.released) == ("completed", True)
    assert [wave.states for wave in head.waves] == [{"succeeded": 1}, {"succeeded": 3}]


def test_every_desire_is_signed_for_one_gateway_and_expires(
    hall: Hall, broker: MemoryBroker
) -> None:
    speakers = hall.speakers(broker, prove)
    run(hall.desk, broker.client(), hall.start())
    for name, speaker in speakers.items():
        (desire,) = speaker.desires
        assert desire.gateway == name
        assert desire.expires == desire.issued + timedelta(seconds=600.0)
        assert [model.line for model in desire.models] == [LINE]
        content = broker.retained[hall.desk.topics.desired(name)]
        assert len(content) < 2000


def test_failures_beyond_the_limit_abort_the_rollout(hall: Hall, broker: MemoryBroker) -> None:
    speakers = hall.speakers(broker, roll_back)
    outcome, progress = run(hall.desk, broker.client(), hall.start())
    assert (outcome, progress.status, progress.succeeded) == ("ended", "aborted", False)
    assert progress.reason == "failed>50% is broken in wave 1: 1 of 1"
    assert sum(len(speaker.desires) for speaker in speakers.values()) == 1


def test_a_silent_gateway_is_given_up_and_never_counted(hall: Hall, broker: MemoryBroker) -> None:
    hall.speakers(broker, prove, gw_2=stay_silent)
    rollout = hall.start(terms=Terms(timeout_s=0.5, hold_s=0.1))
    outcome, progress = run(hall.desk, broker.client(), rollout)
    assert (outcome, progress.status, progress.succeeded) == ("ended", "ended", False)
    assert progress.entries["gw-2"].reason == "silent since its order"


def test_paused_it_can_be_resumed_by_another_process(hall: Hall, broker: MemoryBroker) -> None:
    hall.speakers(broker, prove)
    rollout = hall.start()
    outcome, progress = run(hall.desk, broker.client(), rollout, PAUSE)
    assert (outcome, progress.status) == ("paused", "paused")
    outcome, progress = run(hall.another_desk(), broker.client(), rollout, RESUME)
    assert (outcome, progress.succeeded) == ("ended", True)


def test_aborted_everybody_under_way_is_told_to_stay_as_it_is(
    hall: Hall, broker: MemoryBroker
) -> None:
    speakers = hall.speakers(broker, stay_silent)
    rollout, stopping = hall.start(), threading.Event()
    stopping.set()
    run(hall.desk, broker.client(), rollout, stopping=stopping)
    (canary,) = [speaker for speaker in speakers.values() if speaker.desires]
    outcome, progress = run(hall.another_desk(), broker.client(), rollout, ABORT)
    assert (outcome, progress.status) == ("ended", "aborted")
    first, second = canary.desires
    assert second.order > first.order
    assert (second.models, second.settings) == ((), None)
    assert sum(len(speaker.desires) for speaker in speakers.values()) == 2


def test_what_moved_is_taken_back_to_what_ran_before(hall: Hall, broker: MemoryBroker) -> None:
    speakers = hall.speakers(broker, prove)
    run(hall.desk, broker.client(), hall.start("1.0.0"))
    rollout = hall.start("1.1.0")
    run(hall.desk, broker.client(), rollout)
    outcome, progress = run(hall.desk, broker.client(), rollout, TAKE_BACK)
    assert (outcome, progress.status) == ("ended", "aborted")
    assert {entry.state for entry in progress.entries.values()} == {"taken_back"}
    for speaker in speakers.values():
        last = speaker.desires[-1]
        assert [model.version for model in last.models] == ["1.0.0"]
        assert last.terms.allow_downgrade


def test_what_is_not_published_any_more_cannot_be_taken_back_to(
    hall: Hall, broker: MemoryBroker
) -> None:
    hall.speakers(broker, prove)
    run(hall.desk, broker.client(), hall.start("1.0.0"))
    rollout = hall.start("1.1.0")
    run(hall.desk, broker.client(), rollout)
    with hall.desk.locked():
        hall.desk.repository.unpublish("test-bearing", "1.0.0")
    _, progress = run(hall.desk, broker.client(), rollout, TAKE_BACK)
    assert {entry.state for entry in progress.entries.values()} == {"not_taken_back"}


def test_two_rollouts_never_share_a_gateway(hall: Hall) -> None:
    hall.start()
    with pytest.raises(OverlapError, match="has not ended"):
        hall.start("1.0.0")
