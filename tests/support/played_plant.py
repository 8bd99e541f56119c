"""An agent around the course of an update: all but the disk and the course itself is played."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from edge_agent.daemon.update.course import AGAIN_S, Course, Done
from edge_agent.daemon.update.gate import Verdicts
from edge_agent.daemon.update.jobs import Jobs
from edge_agent.daemon.update.steps import Steps
from edge_agent.disk import DISK, Disk
from edge_agent.rollout.install.journal import TrialEnd
from edge_agent.rollout.install.orders import Outcome, Progress
from edge_agent.rollout.install.place import Placed
from edge_agent.rollout.messages import Desire, Order, RemoteSettings, Terms, WantedModel

LINE = "press"
CONTENTS = {f"1.{n}.0": f"model {n}".encode() for n in range(4)}


def placed(version: str) -> Placed:
    content = CONTENTS[version]
    sha256 = hashlib.sha256(content).hexdigest()
    return Placed(name="bearing", version=version, sha256=sha256, length=len(content))


def desire(version: str | None, counter: int, **changes: Any) -> Desire:
    now = datetime.now(UTC)
    models: tuple[WantedModel, ...] = ()
    if version is not None:
        found = placed(version)
        models = (
            WantedModel(
                line=LINE,
                name=found.name,
                version=version,
                sha256=found.sha256,
                length=found.length,
                target=f"bearing/bearing-{version}.edgemodel",
            ),
        )
    fields: dict[str, Any] = {
        "gateway": "gw-1",
        "order": Order(generation=1, epoch=1, counter=counter),
        "issued": now,
        "expires": now + timedelta(days=1),
        "models": models,
        "terms": Terms(min_windows=1, hold_s=100.0),
    }
    return Desire(**(fields | changes))


@dataclass
class Asset:
    """One asset of the line as the course sees it: what judges it, and how it is doing."""

    sha256: str | None = None
    state: str = "running"
    windows: int = 0
    scored: int = 0

    def record(self) -> Any:
        return SimpleNamespace(
            name="press-1",
            state=self.state,
            reason="scoring: broken" if self.state == "failed" else None,
            model="bearing",
            windows=self.windows,
            scored=self.scored,
            last_reason=None,
        )


@dataclass
class Plant:
    """An agent around a course: all of it but the disk and the course itself is played."""

    folder: Path
    asset: Asset = field(default_factory=Asset)
    verdict: str | None = None
    refusal: str | None = None
    late: bool = False
    now_s: float = 0.0
    remote: RemoteSettings | None = None
    in_force: RemoteSettings | None = None
    watched: Any = None

    def __post_init__(self) -> None:
        self.begin()

    def begin(self, disk: Disk = DISK) -> None:
        """Start the agent: recover, read what is in use, go on."""
        self.steps = Steps(self.folder, disk)
        with suppress(OSError):
            self.steps.recover()
        self.jobs = Jobs(lambda job: job(), lambda: None)
        self.reads: list[Done | None] = []
        self.remote = self.steps.settings.kept.in_use
        self._read()
        gate, followers = cast("Any", self), cast("Any", self)
        self.course = Course(
            self.steps, self.jobs, gate, followers, self, lambda _desire: self.late
        )

    def _read(self) -> None:
        folder = self.steps.lines.current(LINE)
        found = None if folder is None else self.steps.lines.placed(LINE, folder)
        self.asset.sha256 = None if found is None else found.sha256
        self.asset.state = "running"
        self.in_force = self.remote
        self.watched = self.asset.record()

    # What a course asks of the assets.

    def of(self, line: str) -> tuple[str, ...]:
        return ("press-1",) if line == LINE else ()

    def incumbent(self, _name: str) -> str | None:
        return self.asset.sha256

    def records(self) -> dict[str, Any]:
        self._refresh()
        return {"press-1": self.watched}

    def watch_of(self, _name: str) -> Any:
        if self.asset.sha256 is None:
            return None
        self._refresh()
        model = SimpleNamespace(washout_vectors=0)
        manifest = SimpleNamespace(flow=SimpleNamespace(model=model))
        return SimpleNamespace(
            record=self.watched,
            bundle=SimpleNamespace(sha256=self.asset.sha256, manifest=manifest),
            policy=SimpleNamespace(has_failed=self.asset.state == "failed"),
        )

    def _refresh(self) -> None:
        for key, value in vars(self.asset.record()).items():
            setattr(self.watched, key, value)

    # What a course asks of the gate: ``self`` plays it, too.

    def look(self, candidates: Mapping[str, str], _terms: Terms, _by: str) -> Verdicts:
        if self.verdict is None:
            return Verdicts(open=dict.fromkeys(candidates, "live"))
        end = TrialEnd(verdict=self.verdict, reasons=("as played",))
        return Verdicts(ended=dict.fromkeys(candidates, end))

    def stop(self, _candidates: Mapping[str, str], _by: str) -> None:
        self.verdict = None

    # How the agent goes over.

    def ask(self, done: Done | None = None) -> None:
        self.reads.append(done)

    def renew(self, done: Done | None = None) -> None:
        self.reads.append(done)

    def read(self) -> None:
        """Have what was asked for done."""
        reads, self.reads = self.reads, []
        for done in reads:
            problems = () if self.refusal is None else (self.refusal,)
            if not problems:
                self._read()
            self.refusal = None
            if done is not None:
                done(problems)

    def want(self, wanted: Desire) -> None:
        """Have a desire verified: its models lie beside what runs."""
        self.course.let_go()
        envelope = wanted.order.counter.to_bytes(4)
        number = self.steps.standing.number
        staged = {}
        self.steps.believe(
            envelope, Progress(state="downloading", desire=wanted, number=number + 1, report=b"")
        )
        self.steps.enter("verifying")
        for model in wanted.models:
            found = placed(model.version)
            staged[LINE] = self.steps.lines.place(LINE, found, CONTENTS[model.version])
        self.steps.verified(
            Outcome(state="staged", desire=wanted, staged=staged, number=number + 2)
        )

    def go_on(self, seconds: float = 1.0) -> None:
        self.now_s += seconds
        self.asset.windows += 10
        self.asset.scored += 0 if self.asset.state == "failed" else 10
        self.course.look(self.now_s)
        self.jobs.settle()
        self.read()

    def goes_by(self) -> RemoteSettings | None:
        """The operator's settings that are in force."""
        return self.in_force

    def until_quiet(self) -> None:
        for _ in range(20):
            self.go_on(AGAIN_S + 1.0)

    @property
    def state(self) -> str:
        return self.steps.standing.state

    @property
    def used(self) -> str | None:
        folder = self.steps.lines.current(LINE)
        found = None if folder is None else self.steps.lines.placed(LINE, folder)
        return None if found is None else found.version
