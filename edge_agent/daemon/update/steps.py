"""The steps of an update on the disk: each leaves a state that the next start knows how to leave.

All of them run on the keeper's thread, one after the other; only ``recover`` runs before it.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.daemon.update.operator_settings import OperatorSettings
from edge_agent.disk import DISK, Disk, write_durably
from edge_agent.rollout.install.journal import Journal, Standing, TrialEnd
from edge_agent.rollout.install.orders import Outcome, Progress
from edge_agent.rollout.install.place import Lines, PlaceError
from edge_agent.rollout.messages import UNSUCCESSFUL, Desire, RemoteSettings, UpdateState

_log = logging.getLogger(__name__)

STARTS_MAX = 2  # of the agent within the hold time, that did not end as they should
_ENVELOPE = "desire.json"
_BEFORE = "; before that: "  # between what was done by hand and how the update had ended


def changed_lines(standing: Standing) -> dict[str, str]:
    """Return the folder of each line that gets another model than it had."""
    return {
        line: folder
        for line, folder in standing.staged.items()
        if standing.replaced.get(line) != folder
    }


def is_unproven(standing: Standing) -> bool:
    """Say whether something was taken over that has not run for the hold time yet."""
    desire = standing.desire
    return (
        standing.state == "active"
        and desire is not None
        and (standing.held_s or 0.0) < desire.terms.hold_s
    )


class Steps:
    """What an update does to the disk. Every step raises OSError where the disk refuses."""

    def __init__(self, state_dir: Path, disk: Disk = DISK) -> None:
        """Read where the update stands, below ``state_dir``."""
        folder = state_dir / "update"
        self._envelope = folder / _ENVELOPE
        self._disk = disk
        self.journal = Journal(folder, disk)
        self.lines = Lines(state_dir / "models", disk)
        self.settings = OperatorSettings(state_dir, disk)

    @property
    def standing(self) -> Standing:
        """Where the update stands; for any thread."""
        return self.journal.standing

    def recover(self) -> None:
        """Leave whatever an earlier run was in the middle of, before anything is scored."""
        if self.journal.lost is not None:
            _log.error("update: what was known of it is lost: %s", self.journal.lost)
        for damaged in self.lines.recover():
            _log.error("update: %s", damaged)
        standing, is_too_late = self.standing, self.settings.kept.starts > 0
        if standing.state == "committing":
            self.take_back("the agent ended in the middle of the commit")
        elif is_unproven(standing):
            lines = changed_lines(standing)
            gone = [line for line in lines if self.lines.current(line) != lines[line]]
            if gone:
                self.take_back(f"the new model of {', '.join(gone)} is not in use any more")
            elif is_too_late:
                self.take_back("the agent did not live to confirm the settings")
            elif lines and standing.starts >= STARTS_MAX:
                self.take_back(f"the agent failed {standing.starts + 1} times with it")
            else:
                self.journal.note(starts=standing.starts + 1)
                self.settings.begin()
        elif self._has_settings_to_keep():
            self.settings.confirm()
        else:
            self.settings.drop()

    def _has_settings_to_keep(self) -> bool:
        """Say whether settings that need not hold were not confirmed before the end."""
        desire, trying = self.standing.desire, self.settings.kept.trying
        is_wanted = desire is not None and desire.settings == trying
        return self.standing.state == "active" and is_wanted

    def end(self) -> None:
        """Note that the agent ends as it should."""
        self.settings.end()
        if self.standing.starts:
            self.journal.note(starts=0)

    def envelope(self) -> bytes | None:
        """Return that of the desire that the update is about; None where it is not kept."""
        try:
            return self._envelope.read_bytes()
        except OSError:
            return None

    def believe(self, envelope: bytes, progress: Progress) -> None:
        """Begin with a desire, or go on to the next state of its verification."""
        if self.standing.desire != progress.desire:
            write_durably(self._envelope, envelope, disk=self._disk)
        changes = self._begun(progress.desire)
        self.journal.enter(progress.state, number=progress.number, **changes)

    def verified(self, outcome: Outcome) -> None:
        """Take note of how the verification ended."""
        number = self.standing.number if outcome.number is None else outcome.number
        if outcome.state is None:  # not believed: the update stands where it stood
            self.journal.note(number=number, warnings=outcome.warnings)
            return
        changes = self._begun(outcome.desire) | {
            "staged": outcome.staged,
            "replaced": {line: self.lines.current(line) for line in outcome.staged},
            "number": number,
            "warnings": outcome.warnings,
        }
        self.journal.enter(outcome.state, outcome.reason, **changes)

    def _begun(self, desire: Desire | None) -> dict[str, Any]:
        """Return what changes with a desire that is another: what it replaces is left as it is."""
        if desire is None or desire == self.standing.desire:
            return {}
        self.settings.confirm()  # it was healthy until now
        return {
            "order": desire.order,
            "desire": desire,
            "staged": {},
            "replaced": {},
            "trials": {},
            "held_s": None,
            "starts": 0,
            "warnings": (),
        }

    def enter(self, state: UpdateState, reason: str | None = None) -> None:
        """Go on to a state that needs nothing of the disk but to be known."""
        self.journal.enter(state, reason)

    def refuse(self, state: UpdateState, reason: str) -> None:
        """End what was never taken over; ``state`` is an unsuccessful one."""
        staged = changed_lines(self.standing)
        self.journal.enter(state, reason, held_s=None)
        for line in staged:
            self.lines.drop_unused(line)

    def commit(self, reason: str | None, trials: Mapping[str, TrialEnd]) -> None:
        """Have what is staged used from the next reading on."""
        lines = changed_lines(self.standing)
        self.journal.enter("committing", reason, trials=dict(trials))
        settings = self.wanted_settings()
        if settings is not None:
            self.settings.attempt(settings)
        for line, folder in lines.items():
            self.lines.activate(line, folder)

    def wanted_settings(self) -> RemoteSettings | None:
        """Return what the desire says of settings, where that is something new."""
        desire = self.standing.desire
        settings = None if desire is None else desire.settings
        return None if settings == self.settings.kept.confirmed else settings

    def taken_over(self, reason: str | None) -> None:
        """Note that all runs as wanted; it is still to hold."""
        self.journal.enter("active", reason, held_s=0.0, starts=0)
        if not is_unproven(self.standing):  # nothing is to be held
            self.proven(0.0)

    def held(self, held_s: float) -> None:
        """Note for how long it has run."""
        self.journal.note(held_s=held_s)

    def proven(self, held_s: float) -> None:
        """Note that it has run for the hold time, and let go of what it can do without now."""
        self.settings.confirm()
        self.journal.note(held_s=held_s, starts=0)
        for line in self.standing.staged:
            self.lines.prune(line)

    def take_back(self, reason: str, state: UpdateState = "rolled_back") -> None:
        """Have used again what was used before; the links first, as they are what runs."""
        lines = changed_lines(self.standing)
        for line, folder in lines.items():
            self.lines.roll_back(line, folder)
        self.settings.drop()
        self.journal.enter(state, reason, held_s=None, starts=0)
        for line in lines:
            self.lines.drop_unused(line)

    def use(self, line: str, folder: str, reason: str) -> None:
        """Have a placed model used, whatever the operator wants. Raises PlaceError."""
        self.lines.activate(line, folder)
        self._depart(line, reason)

    def put_back(self, line: str, folder: str) -> None:
        """Take back what was just put to ``use``."""
        self.lines.roll_back(line, folder)

    def go_back(self, line: str | None, by: str) -> dict[str, str]:
        """Have used what was used before; return the line and its folder. Raises PlaceError."""
        lines = self.lines.names()
        if not lines:
            raise PlaceError("no model is installed for a line, allowed: a line with two models")
        if line is None and len(lines) != 1:
            raise PlaceError(f"no line was named, allowed: one of {', '.join(lines)}")
        line = line or lines[0]
        current, before = self.lines.current(line), self.lines.before(line)
        if current is None or not before:
            raise PlaceError(f"{line}: nothing was in use before, allowed: a line with two models")
        folder = self.lines.roll_back(line, current) or ""
        self._depart(line, f"{line} was taken back to {folder} by {by}")
        return {"line": line, "folder": folder, "before": current}

    def _depart(self, line: str, reason: str) -> None:
        """Note that a line does not run what it ran any more, by somebody at the gateway."""
        standing = self.standing
        if standing.state == "active" and line in standing.staged:
            self.settings.confirm()
            self.journal.enter("rolled_back", reason, held_s=None, starts=0)
        elif standing.state in UNSUCCESSFUL:
            why = (standing.reason or "").rpartition(_BEFORE)[2]
            self.journal.enter(standing.state, f"{reason}{_BEFORE}{why}")


def recovered_steps(state_dir: Path) -> Steps:
    """Return the steps, once they have left what an earlier run was in the middle of.

    Where the disk refuses even that, the agent scores on with what is there; it is tried again at
    the next start.
    """
    steps = Steps(state_dir)
    try:
        steps.recover()
    except OSError as error:
        _log.error("update: cannot be recovered: %s", error)
    return steps
