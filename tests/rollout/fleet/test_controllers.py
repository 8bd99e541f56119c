"""More than one controller, and what is lost and restored between them."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from gateways import (
    ABORT,
    PAUSE,
    RESUME,
    Hall,
    head_of,
    prove,
    run,
    stay_silent,
)
from securesystemslib.signer import CryptoSigner
from waiting import wait_until

from benchmarks.fleet.memory_broker import MemoryBroker
from edge_agent.rollout.envelope import seal, unseal
from edge_agent.rollout.fleet.claim import HeldError
from edge_agent.rollout.fleet.copies import HEAD_TYPE, Lease
from edge_agent.rollout.fleet.kept import DrivenError, RolloutError
from edge_agent.rollout.fleet.record import Outcome
from edge_agent.rollout.fleet.states import Progress
from edge_agent.rollout.messages import DESIRE_TYPE, Desire


def test_a_second_process_with_the_same_folder_is_refused(hall: Hall, broker: MemoryBroker) -> None:
    rollout = hall.start()
    with hall.desk.kept.driving(rollout), pytest.raises(DrivenError):
        run(hall.another_desk(), broker.client(), rollout)


@contextmanager
def driven_elsewhere(
    hall: Hall, broker: MemoryBroker, rollout: str
) -> Iterator[list[tuple[Outcome, Progress]]]:
    """A controller that has got as far as it gets, on a thread."""
    stopping: threading.Event = threading.Event()
    ended: list[tuple[Outcome, Progress]] = []

    def work() -> None:
        ended.append(run(hall.desk, broker.client(), rollout, stopping=stopping))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert wait_until(lambda: hall.desk.topics.desired("gw-0") in broker.retained)
        yield ended
    finally:
        stopping.set()
        thread.join(60.0)


def test_another_controller_is_refused_until_it_takes_over(
    hall: Hall, broker: MemoryBroker, tmp_path: Path
) -> None:
    speakers = hall.speakers(broker, stay_silent)
    elsewhere = hall.another_desk(Path(shutil.copytree(hall.folder, tmp_path / "copy")))
    rollout = hall.start(waves=((100, True),))
    with driven_elsewhere(hall, broker, rollout) as ended:
        with pytest.raises(HeldError, match="--take-over"):
            run(elsewhere, broker.client(), rollout, ABORT)
        outcome, progress = run(elsewhere, broker.client(), rollout, ABORT, take_over=True)
        assert wait_until(lambda: ended)
    assert ended[0][0] == "superseded"
    assert (outcome, progress.status) == ("ended", "aborted")
    for speaker in speakers.values():
        first, last = speaker.desires
        assert (first.order.epoch, last.order.epoch) == (1, 2)
        assert last.order > first.order
    assert head_of(hall, broker, rollout).lease.epoch == 2


def test_what_another_controller_has_ended_is_not_begun_again(
    hall: Hall, broker: MemoryBroker, tmp_path: Path
) -> None:
    hall.speakers(broker, stay_silent)
    rollout = hall.start()
    run(hall.desk, broker.client(), rollout, PAUSE)
    elsewhere = hall.another_desk(Path(shutil.copytree(hall.folder, tmp_path / "copy")))
    run(elsewhere, broker.client(), rollout, ABORT)
    with pytest.raises(RolloutError, match="aborted under"):
        run(hall.desk, broker.client(), rollout, RESUME)
    assert hall.desk.kept.read(rollout).status == "aborted"
    hall.start()


def test_a_head_that_no_operator_signed_stops_nobody(hall: Hall, broker: MemoryBroker) -> None:
    hall.speakers(broker, prove)
    rollout, now = hall.start(), datetime.now(UTC)
    run(hall.desk, broker.client(), rollout, PAUSE)
    lease = Lease(epoch=99, instance="thief", renewed=now + timedelta(hours=1))
    forged = msgspec.structs.replace(head_of(hall, broker, rollout), lease=lease)
    stranger = CryptoSigner.generate_ed25519()
    broker.publish(hall.desk.topics.rollout(rollout), seal(forged, HEAD_TYPE, [stranger]))
    outcome, progress = run(hall.desk, broker.client(), rollout, RESUME)
    assert (outcome, progress.succeeded, progress.epoch) == ("ended", True, 1)


def test_a_folder_from_a_backup_counts_on_from_what_gateways_have_heard(
    hall: Hall, broker: MemoryBroker, tmp_path: Path
) -> None:
    speakers = hall.speakers(broker, prove)
    backup = shutil.copytree(hall.folder, tmp_path / "backup")
    run(hall.desk, broker.client(), hall.start("1.0.0"))
    shutil.rmtree(hall.folder)
    shutil.copytree(backup, hall.folder)
    del broker.retained[next(topic for topic in broker.retained if "/rollouts/" in topic)]
    hall.desk = hall.another_desk()
    _, progress = run(hall.desk, broker.client(), hall.start("1.1.0"))
    assert progress.succeeded
    assert all(len(speaker.desires) == 2 for speaker in speakers.values())


def test_orders_of_a_replaced_key_are_given_anew(hall: Hall, broker: MemoryBroker) -> None:
    speakers = hall.speakers(broker, stay_silent)
    rollout, stopping = hall.start(), threading.Event()
    stopping.set()
    run(hall.desk, broker.client(), rollout, stopping=stopping)
    with hall.desk.locked():
        hall.desk.repository.rotate("online")
    (canary,) = [name for name, speaker in speakers.items() if speaker.desires]
    broker.clients.clear()  # gateways that know the old key only
    desk = hall.another_desk()
    run(desk, broker.client(), rollout, RESUME, stopping)
    content = broker.retained[desk.topics.desired(canary)]
    desire = unseal(content, DESIRE_TYPE, Desire, desk.keys)
    assert desire.order.generation == desk.operators.generation
    assert desire.order > speakers[canary].desires[0].order


def test_a_wiped_broker_is_given_everything_again(hall: Hall, broker: MemoryBroker) -> None:
    hall.speakers(broker, stay_silent)
    rollout, stopping = hall.start(), threading.Event()
    stopping.set()
    run(hall.desk, broker.client(), rollout, stopping=stopping)
    kept = dict(broker.retained)
    broker.retained.clear()
    broker.clients.clear()
    hall.speakers(broker, prove)
    outcome, progress = run(hall.desk, broker.client(), rollout, RESUME)
    assert (outcome, progress.succeeded) == ("ended", True)
    assert (
        kept.keys() - {topic for topic in kept if "/rollouts/" in topic} <= broker.retained.keys()
    )
    assert hall.desk.topics.index in broker.retained
