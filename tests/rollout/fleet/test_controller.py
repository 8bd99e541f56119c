"""The controller, with gateways that speak and a broker in memory."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from fitted import renamed
from gateways import LINE, Behaviour, Hall, Speaker, Voice, prove, roll_back, run, stay_silent
from securesystemslib.signer import CryptoSigner
from waiting import wait_until

from benchmarks.fleet.memory_broker import MemoryBroker, MemoryClient
from edge_agent.rollout.envelope import seal, unseal
from edge_agent.rollout.fleet.claim import HeldError
from edge_agent.rollout.fleet.copies import HEAD_TYPE, Head, Lease, read_head
from edge_agent.rollout.fleet.kept import DrivenError, RolloutError, Wish
from edge_agent.rollout.fleet.record import Outcome
from edge_agent.rollout.fleet.start import OverlapError
from edge_agent.rollout.fleet.states import Progress
from edge_agent.rollout.messages import DESIRE_TYPE, Desire, Order, Terms

PAUSE = Wish(action="pause", reason="paused by a test")
RESUME = Wish(action="resume", reason="by a test")
ABORT = Wish(action="abort", reason="aborted by a test")
TAKE_BACK = Wish(action="abort", take_back=True, reason="aborted by a test")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, plain_bundle: bytes) -> Hall:
    """Making keys takes longer than copying a folder."""
    bundles = [renamed(plain_bundle, version) for version in ("1.0.0", "1.1.0")]
    return Hall(tmp_path_factory.mktemp("prepared") / "home", 1, bundles, 4)


@pytest.fixture
def hall(tmp_path: Path, prepared: Hall) -> Hall:
    return prepared.copied(tmp_path / "home")


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


def head_of(hall: Hall, broker: MemoryBroker, rollout: str) -> Head:
    content = broker.retained[hall.desk.topics.rollout(rollout)]
    return read_head(content, hall.desk.keys, 1)


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
    assert (outcome, progress.status, progress.succeeded) == ("ended", "completed", False)
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


# Attacks on reports: the rollout waits for the truth, and names who was refused.


def lying(kind: str, stranger: CryptoSigner, other: Voice) -> Behaviour:
    def do(speaker: Speaker, desire: Desire) -> None:
        voice = speaker.voice
        honest = voice.runs
        voice.runs = desire.models[0]
        proof = voice.report("active", desire.order, held_s=999.0)
        if kind == "forged":
            speaker.send(seal(proof, "application/vnd.edge-agent.report+json", [stranger]))
        elif kind == "another gateway's":
            speaker.send(other.seal(msgspec.structs.replace(proof, gateway=other.gateway)))
        elif kind == "replayed":
            speaker.say(msgspec.structs.replace(voice.report("rejected", desire.order), reason="n"))
            speaker.say(proof)
        elif kind == "for another order":
            newer = msgspec.structs.replace(desire.order, counter=desire.order.counter + 7)
            speaker.say(msgspec.structs.replace(proof, answers=newer))
        elif kind == "cloned":
            speaker.say(proof)
            speaker.say(msgspec.structs.replace(proof, session="twin"))
        voice.runs = honest

    return do


@pytest.mark.parametrize(
    ("kind", "state", "refused"),
    [
        ("forged", "timed_out", "forged"),
        ("another gateway's", "timed_out", "forged"),
        ("for another order", "timed_out", None),
        ("replayed", "failed", "replayed"),
        ("cloned", "failed", "cloned"),
    ],
)
def test_no_lie_is_counted_as_success(
    hall: Hall, broker: MemoryBroker, kind: str, state: str, refused: str | None
) -> None:
    lie = lying(kind, CryptoSigner.generate_ed25519(), hall.voices["gw-1"])
    hall.speakers(broker, prove, gw_2=lie)
    rollout = hall.start(terms=Terms(timeout_s=0.5, hold_s=0.1), waves=((100, True),))
    _, progress = run(hall.desk, broker.client(), rollout)
    assert not progress.succeeded
    assert progress.entries["gw-2"].state == state
    found = progress.refused.get("gw-2")
    assert (None if found is None else found.kind) == refused
    assert {e.state for name, e in progress.entries.items() if name != "gw-2"} == {"succeeded"}


# More than one controller.


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


# Killed.


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Kills at the n-th thing that reaches the disk or the broker, and then no more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.at = at
        self.count = 0
        fsync, publish = os.fsync, MemoryClient.publish

        def dying_fsync(descriptor: int) -> None:
            self.tick()
            fsync(descriptor)

        def dying_publish(client: MemoryClient, topic: str, payload: bytes, **how: bool) -> None:
            mine = client.mine
            if mine:
                self.tick()
            publish(client, topic, payload, **how)
            if mine:
                self.tick()

        monkeypatch.setattr(os, "fsync", dying_fsync)
        monkeypatch.setattr(MemoryClient, "publish", dying_publish)

    def tick(self) -> None:
        self.count += 1
        if self.count == self.at:
            raise Killed


@pytest.mark.system
def test_killed_at_every_step_it_goes_on_with_the_same_numbers(
    prepared: Hall, tmp_path: Path
) -> None:
    at, killed = 0, True
    while killed:
        at += 1
        hall, broker = prepared.copied(tmp_path / str(at)), MemoryBroker()
        speakers = hall.speakers(broker, prove)
        numbers = Numbers(hall)
        broker.client().subscribe(hall.desk.topics.desired("+"), numbers.note)
        rollout = hall.start(waves=((1, False), (100, True)))
        killed = killed_at(hall, broker, rollout, at)
        outcome, progress = run(hall.another_desk(), broker.client(), rollout, RESUME)
        assert (outcome, progress.succeeded) == ("ended", True), at
        for speaker in speakers.values():
            orders = [desire.order for desire in speaker.desires]
            assert orders == sorted(set(orders)), at
        assert not broker.retained.keys() & {
            hall.desk.topics.rollout_part(rollout, n) for n in range(3)
        }
    assert at > 40


class Numbers:
    """One number never stands for two desires."""

    def __init__(self, hall: Hall) -> None:
        self._keys = hall.desk.keys
        self._said: dict[tuple[str, Order], Desire] = {}

    def note(self, _topic: str, payload: bytes) -> None:
        desire = unseal(payload, DESIRE_TYPE, Desire, self._keys)
        assert self._said.setdefault((desire.gateway, desire.order), desire) == desire


def killed_at(hall: Hall, broker: MemoryBroker, rollout: str, at: int) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        client = broker.client()
        broker.clients[-1].mine = True
        killer = Killer(patch, at)
        try:
            run(hall.desk, client, rollout)
        except Killed:
            broker.clients.pop()
            return True
    assert killer.count < at
    return False
