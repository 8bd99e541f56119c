"""The states of an update: desires, refusals and kills in any order."""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from failing_disk import EndedError, FailingDisk
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from played_plant import CONTENTS, LINE, Plant, desire

from edge_agent.rollout.messages import RemoteSettings, Terms


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
