"""The states of an update without an agent around them: events, refusals and kills in any order."""

import hashlib
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
from failing_disk import EndedError, FailingDisk
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.daemon.update import course as module
from edge_agent.daemon.update.course import Course, Done
from edge_agent.daemon.update.gate import Verdicts
from edge_agent.daemon.update.jobs import Jobs
from edge_agent.daemon.update.steps import Steps, is_unproven
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
            self.go_on(module.AGAIN_S + 1.0)

    @property
    def state(self) -> str:
        return self.steps.standing.state

    @property
    def used(self) -> str | None:
        folder = self.steps.lines.current(LINE)
        found = None if folder is None else self.steps.lines.placed(LINE, folder)
        return None if found is None else found.version


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """An agent that runs 1.0.0, which has held."""
    made = Plant(tmp_path)
    made.want(desire("1.0.0", 1))
    made.until_quiet()
    assert (made.state, made.used, is_unproven(made.steps.standing)) == ("active", "1.0.0", False)
    return made


def test_the_first_model_of_a_line_is_used_without_a_trial(plant: Plant) -> None:
    history = [(entry.state, entry.reason) for entry in plant.steps.standing.history]
    first = "no trial: nothing to compare with for press"
    assert history[-2:] == [("committing", first), ("active", first)]


def test_a_good_trial_leads_to_a_commit_and_old_models_go_once_it_has_held(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.go_on()
    plant.go_on()
    assert (plant.state, plant.used) == ("trial", "1.0.0")
    plant.verdict = "good"
    plant.until_quiet()
    assert (plant.state, plant.used) == ("active", "1.1.0")
    standing = plant.steps.standing
    assert standing.trials["press-1"].verdict == "good"
    assert (standing.held_s or 0.0) >= 100.0
    plant.want(desire("1.2.0", 3))
    plant.verdict = "good"
    plant.until_quiet()
    assert {one.version for one in plant.steps.lines.installed(LINE).values()} == {"1.1.0", "1.2.0"}


def test_what_an_operator_takes_back_needs_no_trial(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.go_on()
    plant.verdict = "good"
    plant.until_quiet()
    plant.verdict = "bad"
    terms = Terms(hold_s=0.0, allow_downgrade=True, trial=False)
    plant.want(desire("1.0.0", 3, terms=terms))
    plant.until_quiet()
    assert (plant.state, plant.used) == ("active", "1.0.0")
    assert plant.steps.standing.reason == "no trial: back to what was in use before"


def test_nobody_can_order_a_model_that_was_never_in_use_without_a_trial(plant: Plant) -> None:
    plant.verdict = "bad"
    plant.want(desire("1.1.0", 2, terms=Terms(hold_s=0.0, trial=False)))
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")


@pytest.mark.parametrize("verdict", ["bad", "inconclusive"])
def test_any_other_trial_leaves_all_as_it_was(plant: Plant, verdict: str) -> None:
    plant.want(desire("1.1.0", 2))
    plant.verdict = verdict
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")
    assert plant.steps.standing.reason == f"trial {verdict}: press-1: as played"
    assert len(plant.steps.lines.installed(LINE)) == 1


def test_a_trial_that_does_not_end_in_time_leaves_all_as_it_was(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.go_on()
    plant.late = True
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")
    assert "inconclusive in the time given: press-1: live" in str(plant.steps.standing.reason)


def test_a_swap_that_is_refused_is_taken_back(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.verdict, plant.refusal = "good", "asset press-1: its bundle is refused"
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")
    assert plant.asset.sha256 == placed("1.0.0").sha256


def test_a_model_that_fails_while_it_holds_is_taken_back(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.verdict = "good"
    while plant.state != "active":
        plant.go_on()
    plant.go_on()
    plant.asset.state = "failed"
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")
    assert plant.steps.standing.reason == "asset press-1: scoring: broken"
    assert plant.asset.sha256 == placed("1.0.0").sha256


def test_unknown_limits_are_refused_before_anything_is_tried(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2, terms=Terms(limits={"beauty": 1.0})))
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rejected", "1.0.0")
    assert "beauty" in str(plant.steps.standing.reason)


def test_settings_that_a_reading_refuses_are_dropped(plant: Plant) -> None:
    plant.want(desire(None, 2, settings=RemoteSettings(publish_score=False)))
    plant.refusal = "config.toml: no"
    plant.until_quiet()
    assert (plant.state, plant.remote, plant.in_force) == ("rejected", None, None)


def test_settings_that_a_crash_follows_are_not_read_again(plant: Plant) -> None:
    settings_wanted = RemoteSettings(publish_score=False)
    plant.want(desire(None, 2, settings=settings_wanted))
    while plant.state != "active":
        plant.go_on()
    assert plant.goes_by() == settings_wanted
    plant.begin()
    assert (plant.state, plant.goes_by()) == ("rolled_back", None)
    assert plant.steps.standing.reason == "the agent did not live to confirm the settings"


def test_settings_outlive_an_agent_that_ends_as_it_should(plant: Plant) -> None:
    settings_wanted = RemoteSettings(publish_score=False)
    plant.want(desire(None, 2, settings=settings_wanted))
    while plant.state != "active":
        plant.go_on()
    plant.steps.end()
    plant.begin()
    assert (plant.state, plant.in_force) == ("active", settings_wanted)
    plant.until_quiet()
    assert plant.steps.settings.kept.confirmed == settings_wanted


def test_settings_that_need_not_hold_outlive_the_agent_however_it_ends(plant: Plant) -> None:
    """As those that an operator takes a gateway back to."""
    aborted, before = RemoteSettings(publish_score=False), RemoteSettings()
    plant.want(desire(None, 2, settings=aborted))
    plant.until_quiet()
    plant.want(desire(None, 3, settings=before, terms=Terms(hold_s=0.0, trial=False)))
    plant.until_quiet()
    assert (plant.state, plant.goes_by()) == ("active", before)
    plant.steps.end()
    for _ in range(3):
        plant.begin()
        assert (plant.state, plant.goes_by()) == ("active", before)
    assert plant.steps.settings.kept.in_force == before


def test_models_that_need_not_hold_leave_only_two_on_the_disk(plant: Plant) -> None:
    for n in (1, 2, 3):
        plant.want(desire(f"1.{n}.0", n + 1, terms=Terms(hold_s=0.0)))
        plant.go_on()
        plant.verdict = "good"
        plant.until_quiet()
    assert {one.version for one in plant.steps.lines.installed(LINE).values()} == {"1.2.0", "1.3.0"}


class Updated(RuleBasedStateMachine):
    """Desires, verdicts, refusals, failures, waiting, and the end of the process at any call."""

    def __init__(self) -> None:
        super().__init__()
        # What a power cut costs is played: nothing here need wait for a real disk.
        self._quick = patch("os.fsync")
        self._quick.start()
        self._folder = tempfile.TemporaryDirectory()
        self.plant = Plant(Path(self._folder.name))
        self.counter = 0

    def teardown(self) -> None:
        self._folder.cleanup()
        self._quick.stop()

    @rule(
        version=st.sampled_from([None, *CONTENTS]),
        publish=st.sampled_from([None, True, False]),
        hold_s=st.sampled_from([0.0, 20.0]),
    )
    def want(self, *, version: str | None, publish: bool | None, hold_s: float) -> None:
        if self.plant.state == "committing":
            return  # a commit is not disturbed, see Verifying
        self.counter += 1
        remote = None if publish is None else RemoteSettings(publish_score=publish)
        terms = Terms(min_windows=1, hold_s=hold_s)
        with suppress(OSError):
            self.plant.want(desire(version, self.counter, settings=remote, terms=terms))

    @rule(verdict=st.sampled_from([None, "good", "bad", "inconclusive"]))
    def judge(self, verdict: str | None) -> None:
        self.plant.verdict = verdict

    @rule()
    def refuse_next_reading(self) -> None:
        self.plant.refusal = "refused"

    @rule()
    def fail(self) -> None:
        self.plant.asset.state = "failed"

    @rule(seconds=st.sampled_from([1.0, 11.0]))
    def go_on(self, seconds: float) -> None:
        self.plant.go_on(seconds)

    @rule(
        calls=st.integers(0, 60),
        end=st.sampled_from(["process", "power", "full"]),
        version=st.sampled_from([None, *CONTENTS]),
    )
    def end(self, calls: int, end: Any, version: str | None) -> None:
        """End the process, the power or the space after so many calls, wherever that is."""
        with suppress(EndedError):
            self.plant.begin(FailingDisk(calls, end))
            if version is not None and self.plant.state != "committing":
                self.counter += 1
                with suppress(OSError):
                    self.plant.want(desire(version, self.counter))
            for _ in range(8):
                self.plant.go_on(11.0)
        self.plant.begin()
        assert self.plant.state != "committing"

    @precondition(lambda self: self.plant.state == "active")
    @rule()
    def what_is_active_is_what_was_wanted(self) -> None:
        wanted = self.plant.steps.standing.desire
        if wanted is not None and wanted.models:
            assert self.plant.used == wanted.models[0].version
        if wanted is not None and wanted.settings is not None:
            assert self.plant.steps.settings.kept.in_use == wanted.settings

    @invariant()
    def one_whole_model_or_none_is_in_use(self) -> None:
        lines = self.plant.steps.lines
        folder = lines.current(LINE)
        assert folder is None or lines.is_whole(LINE, folder)

    @invariant()
    def between_two_steps_the_agent_runs_what_is_in_use(self) -> None:
        plant = self.plant
        if plant.state == "committing" or plant.course.problem is not None:
            return
        folder = plant.steps.lines.current(LINE)
        found = None if folder is None else plant.steps.lines.placed(LINE, folder)
        assert plant.asset.sha256 == (None if found is None else found.sha256)


TestUpdated = Updated.TestCase
TestUpdated.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
