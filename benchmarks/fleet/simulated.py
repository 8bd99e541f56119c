"""The controller alone: gateways that answer at once, with real signatures, over no network."""

import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil
from securesystemslib.signer import Signer

from benchmarks.fleet.enrolled import HOLD_S, begin, enroll_many, make_desk, running
from benchmarks.fleet.memory_broker import MemoryBroker
from edge_agent.rollout.enrolment import read_enrolment
from edge_agent.rollout.envelope import seal, unseal
from edge_agent.rollout.fleet.controller import Controller
from edge_agent.rollout.fleet.copies import totals
from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.drive import steady_clock
from edge_agent.rollout.install.sign import read_signer
from edge_agent.rollout.messages import (
    DESIRE_TYPE,
    REPORT_TYPE,
    Desire,
    Report,
    UpdateState,
)

_MB = 1e6
_STATES: tuple[UpdateState, ...] = ("verifying", "active")


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """What the controller took.

    Attributes:
        gateways: how many.
        succeeded: that proved themselves.
        seconds: from the first order to the last proof, the gateways' signatures left out.
        cpu_s: processor time of it.
        messages: that the controller published, for each gateway.
        bytes: that it published, for each gateway.
        home_mb: length of what it keeps in the home folder, without the repository.
        memory_mb: that the process grew by, gateways' keys included.
    """

    gateways: int
    succeeded: int
    seconds: float
    cpu_s: float
    messages: float
    bytes: float
    home_mb: float
    memory_mb: float


def simulate(gateways: int) -> Simulated:
    """Roll out to ``gateways`` that do at once what they are told."""
    with tempfile.TemporaryDirectory(prefix="edge-fleet-") as name:
        folder = Path(name)
        desk, model, _ = make_desk(folder / "home", 1)
        enroll_many(desk, gateways, folder / "enrolments")
        process = psutil.Process()
        before_mb = process.memory_info().rss / _MB
        broker = MemoryBroker()
        fleet = _Fleet(desk, broker, folder / "enrolments")
        rollout = begin(desk, model, 1e6)
        client = broker.client()
        begun_s, begun_cpu_s = time.monotonic(), time.process_time()
        with desk.kept.driving(rollout):
            controller = Controller(desk, client, rollout, steady_clock(), lambda _progress: None)
            _, progress = controller.run(threading.Event(), None, take_over=False)
        return Simulated(
            gateways=gateways,
            succeeded=totals(progress).get("succeeded", 0),
            seconds=time.monotonic() - begun_s - fleet.seconds,
            cpu_s=time.process_time() - begun_cpu_s - fleet.cpu_s,
            messages=(broker.messages - fleet.said) / gateways,
            bytes=(broker.bytes - fleet.said_bytes) / gateways,
            home_mb=_home_bytes(folder / "home") / _MB,
            memory_mb=process.memory_info().rss / _MB - before_mb,
        )


class _Fleet:
    """All of them, on one connection."""

    def __init__(self, desk: Desk, broker: MemoryBroker, folder: Path) -> None:
        self.seconds = self.cpu_s = 0.0
        self.said = self.said_bytes = 0
        self._desk = desk
        self._broker = broker
        self._signers: dict[str, Signer] = {
            each.name: read_signer(each, read_enrolment(each, each.name))
            for each in folder.iterdir()
        }
        self._numbers = dict.fromkeys(self._signers, 0)
        broker.client().subscribe(desk.topics.desired("+"), self._hear)

    def _hear(self, _topic: str, content: bytes) -> None:
        begun_s, begun_cpu_s = time.monotonic(), time.process_time()
        desire = unseal(content, DESIRE_TYPE, Desire, self._desk.keys)
        for state in _STATES:
            report = self._report(desire, state)
            self.said += 1
            self.said_bytes += len(report)
            self._broker.publish(self._desk.topics.update(desire.gateway), report)
        self.seconds += time.monotonic() - begun_s
        self.cpu_s += time.process_time() - begun_cpu_s

    def _report(self, desire: Desire, state: UpdateState) -> bytes:
        self._numbers[desire.gateway] += 1
        (model,) = desire.models
        report = Report(
            gateway=desire.gateway,
            number=self._numbers[desire.gateway],
            session="simulated",
            at=datetime.now(UTC),
            time_quality="synchronised",
            state=state,
            answers=desire.order,
            rollout=desire.rollout,
            held_s=HOLD_S,
            running={"press-1": running(model)},
        )
        return seal(report, REPORT_TYPE, [self._signers[desire.gateway]])


def _home_bytes(home: Path) -> int:
    files = [file for file in home.rglob("*") if file.is_file()]
    return sum(
        file.stat().st_size
        for file in files
        if "repository" not in file.parts and file.suffix != ".edgemodel"
    )
