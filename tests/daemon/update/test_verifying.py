"""What is heard, and what becomes of it: the process that verifies is played."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from edge_agent.daemon.config.enrolled import Enrolled
from edge_agent.daemon.config.settings import Update
from edge_agent.daemon.mqtt.ear import Heard
from edge_agent.daemon.update import verifying as module
from edge_agent.daemon.update.desires import pause_s
from edge_agent.daemon.update.jobs import Jobs
from edge_agent.daemon.update.steps import Steps
from edge_agent.daemon.update.verifying import LONGEST_WAIT_S, Deadlines, Verifying
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.install.orders import Outcome, Prepare, Progress, Said
from edge_agent.rollout.messages import DESIRE_TYPE, Desire, Order, Report, Sealed, Terms


def desire(counter: int, timeout_s: float = 3600.0, spread_s: float = 0.0) -> Desire:
    now = datetime.now(UTC)
    return Desire(
        gateway="gw-1",
        order=Order(generation=1, epoch=1, counter=counter),
        issued=now,
        expires=now + timedelta(days=1),
        terms=Terms(timeout_s=timeout_s, spread_s=spread_s),
    )


def envelope(wanted: Desire) -> bytes:
    payload = msgspec.json.encode(wanted)
    return msgspec.json.encode(Sealed(payload=payload, payload_type=DESIRE_TYPE, signatures=()))


class Process:
    """The process: says what it is told to, one by one."""

    def __init__(self, order: Prepare, says: list[Said]) -> None:
        self.order = order
        self.says = says
        self.is_stopped = False

    def take(self) -> Said | None:
        return self.says.pop(0) if self.says else None

    def stop(self) -> None:
        self.is_stopped = True

    def join(self, _timeout_s: float) -> None:
        pass


class Bench:
    def __init__(self, folder: Path) -> None:
        self.steps = Steps(folder)
        self.jobs = Jobs(lambda job: job(), lambda: None)
        self.processes: list[Process] = []
        self.published: list[bytes] = []
        self.let_go = 0
        self.vouched: list[str] = []
        self.now_s = 0.0
        config = SimpleNamespace(gateway="gw-1", state_dir=str(folder), update=Update())
        changes = SimpleNamespace(
            config=config, broker=lambda: Broker(host="broker", port=1883), models=self
        )
        topics = SimpleNamespace(desired="edge/v1/desired/gw-1")
        around = SimpleNamespace(
            session=SimpleNamespace(topics=topics),
            wake=lambda: None,
            changes=changes,
            enrolled=Enrolled(folder="enrolment"),
            in_background=lambda job: job(),
        )
        followers = SimpleNamespace(are_known=lambda: True, facts=lambda: ())
        course = SimpleNamespace(let_go=self._let_go)
        self.verifying = Verifying(
            self.steps,
            self.jobs,
            cast("Any", course),
            cast("Any", followers),
            cast("Any", around),
            Deadlines(lambda: True),
            self.published.append,
            self._template,
        )

    def vouch(self, sha256: str) -> None:
        self.vouched.append(sha256)

    def _let_go(self) -> None:
        self.let_go += 1

    def _template(self) -> Report:
        return Report(
            gateway="gw-1",
            number=self.steps.standing.number,
            session="s",
            at=datetime.now(UTC),
            time_quality="synchronised",
            state=self.steps.standing.state,
        )

    def hear(self, content: bytes, *, retained: bool = True) -> None:
        self.verifying.desires.take(Heard(content, retained=retained))

    def look(self, *says: Said, times: int = 1, seconds: float = 1.0) -> None:
        if says:
            self.processes[-1].says.extend(says)
        for _ in range(times):
            self.now_s += seconds
            self.jobs.settle()
            self.verifying.look(self.now_s, may_begin=True)
            self.jobs.settle()

    def progress(self, wanted: Desire, number: int) -> Progress:
        return Progress(state="downloading", desire=wanted, number=number, report=b"report")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)

    def begin(order: Prepare, _wake: object) -> Process:
        made.processes.append(Process(order, []))
        return made.processes[-1]

    monkeypatch.setattr(module, "Verification", begin)
    return made


def test_a_desire_is_verified_once_however_often_it_comes(bench: Bench) -> None:
    wanted = desire(1)
    bench.hear(envelope(wanted))
    bench.look()
    number = bench.steps.standing.number
    bench.look(bench.progress(wanted, number + 1), times=2)
    assert bench.steps.standing.state == "downloading"
    assert bench.steps.envelope() == envelope(wanted)
    rejected = Outcome(
        state="rejected", reason="no", desire=wanted, number=number + 2, report=b"last"
    )
    bench.look(rejected, times=3)
    for _ in range(3):
        bench.hear(envelope(wanted))
        bench.look()
    assert len(bench.processes) == 1
    assert bench.published == [b"report", b"last"]
    standing = bench.steps.standing
    assert (standing.state, standing.reason, standing.number) == ("rejected", "no", number + 2)


def test_an_order_that_had_waited_is_begun_at_the_gateway_s_own_moment(bench: Bench) -> None:
    wanted = desire(1, spread_s=1000.0)
    bench.hear(envelope(wanted))
    bench.look()
    bench.hear(envelope(wanted))  # as after another reconnection
    bench.look(seconds=pause_s(wanted) - 1.0)
    assert not bench.processes
    bench.look(times=2)
    assert len(bench.processes) == 1


def test_an_order_that_is_heard_as_it_is_given_is_begun_at_once(bench: Bench) -> None:
    bench.hear(envelope(desire(1, spread_s=1000.0)), retained=False)
    bench.look()
    assert len(bench.processes) == 1


def test_what_is_not_believed_changes_nothing_and_is_not_looked_at_again(bench: Bench) -> None:
    bench.hear(b"nonsense")
    bench.look()
    refused = Outcome(state=None, reason="desire refused", number=5, report=b"warning")
    bench.look(refused, times=3)
    bench.hear(b"nonsense")
    bench.look(times=3, seconds=LONGEST_WAIT_S)
    assert len(bench.processes) == 1
    assert (bench.steps.standing.state, bench.published, bench.let_go) == ("idle", [b"warning"], 0)


def test_what_cannot_be_reached_is_tried_again_until_the_time_is_over(bench: Bench) -> None:
    wanted = desire(1, timeout_s=3600.0)
    bench.hear(envelope(wanted))
    bench.look()
    number = bench.steps.standing.number
    bench.look(bench.progress(wanted, number + 1), times=2)
    away = Outcome(state="failed", reason="no broker", again=True, desire=wanted)
    bench.look(away, times=2)
    assert (bench.steps.standing.state, bench.verifying.reason) == ("downloading", "no broker")
    bench.look(times=2, seconds=LONGEST_WAIT_S)
    assert [process.order.desire for process in bench.processes] == [envelope(wanted)] * 2


def test_a_desire_that_is_late_fails_with_the_last_reason(bench: Bench) -> None:
    wanted = desire(1, timeout_s=1e-6)
    bench.hear(envelope(wanted))
    bench.look()
    number = bench.steps.standing.number
    bench.look(bench.progress(wanted, number + 1), times=2)
    away = Outcome(state="failed", reason="no broker", again=True, desire=wanted, number=number + 2)
    bench.look(away, times=2)
    assert (bench.steps.standing.state, bench.steps.standing.reason) == ("failed", "no broker")


def test_a_desire_that_is_not_believed_any_more_fails_and_is_not_tried_for_ever(
    bench: Bench,
) -> None:
    wanted = desire(1)
    bench.hear(envelope(wanted))
    bench.look()
    number = bench.steps.standing.number
    bench.look(bench.progress(wanted, number + 1), times=2)
    bench.look(Outcome(state="failed", reason="away", again=True, desire=wanted), times=2)
    bench.look(times=2, seconds=LONGEST_WAIT_S)
    bench.look(Outcome(state=None, reason="generation 1, allowed: 2", number=number + 2), times=3)
    standing = bench.steps.standing
    assert (standing.state, standing.reason) == ("failed", "generation 1, allowed: 2")
    bench.look(times=3, seconds=LONGEST_WAIT_S)
    assert len(bench.processes) == 2


def test_a_newer_desire_ends_the_verification_of_the_one_before(bench: Bench) -> None:
    first, second = desire(1), desire(2)
    bench.hear(envelope(first))
    bench.look()
    bench.hear(envelope(second))
    bench.look(times=2)
    assert [process.is_stopped for process in bench.processes] == [True, False]
    number = bench.steps.standing.number
    bench.look(bench.progress(second, number + 1), times=2)
    assert bench.steps.standing.desire == second
    assert bench.let_go == 1
