"""Models on a gateway whose agent does not run: installed and taken back on its folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge_agent.daemon.child import ChildError, outcome_of
from edge_agent.daemon.clock import time_quality
from edge_agent.daemon.config.settings import Config
from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.update.by_hand import GRACE_S, MODULE
from edge_agent.daemon.update.followers import facts_of
from edge_agent.daemon.update.steps import Steps
from edge_agent.rollout.install.orders import ByHand, Placing
from edge_agent.rollout.install.place import Lines, Placed


class RunsError(Exception):
    """The agent runs: it is to be asked."""


class InstalledModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model on the disk.

    Attributes:
        line: that assets follow.
        folder: below the line's.
        model: what it is.
        use: ``current``, ``before``: a rollback leads to the last of them, or ``placed``.
        damaged: it is not what was verified any more.
    """

    line: str
    folder: str
    model: Placed
    use: str
    damaged: bool


def installed_models(state_dir: Path) -> list[InstalledModel]:
    """Return all that is placed below ``state_dir``, by line, those in use first."""
    lines, found = Lines(state_dir / "models"), []
    for line in lines.names():
        current, before = lines.current(line), lines.before(line)
        for folder, placed in lines.installed(line).items():
            use = "current" if folder == current else "before" if folder in before else "placed"
            damaged = not lines.is_whole(line, folder)
            found.append(
                InstalledModel(line=line, folder=folder, model=placed, use=use, damaged=damaged)
            )
    order = ("current", "before", "placed")
    return sorted(found, key=lambda one: (one.line, order.index(one.use), one.folder))


def install_stopped(config: Config, wanted: ByHand, by: str) -> Placing:
    """Verify and place what somebody brings, and have it used at the next start.

    Args:
        config: of the agent.
        wanted: path, model, line and what is allowed; the rest is filled in here.
        by: who wants it.

    Raises:
        RunsError: see there.
        OSError: the disk is full, or not writable.
        PlaceError: what was placed is gone again.
    """
    state_dir = Path(config.state_dir)
    with _stopped(state_dir):
        order = msgspec.structs.replace(
            wanted,
            assets=facts_of(config, lambda _asset: None),
            synchronised=time_quality() == "synchronised",
        )
        try:
            placing = outcome_of(MODULE, order, Placing, order.timeout_s + GRACE_S)
        except ChildError as error:
            return Placing(refused=f"verification {error}", kind="failed")
        if placing.line is not None and placing.folder is not None:
            reason = f"{placing.name} {placing.version} was installed by {by}"
            _steps(state_dir).use(placing.line, placing.folder, reason)
        return placing


def roll_back_stopped(state_dir: Path, line: str | None, by: str) -> dict[str, str]:
    """Have used, from the next start on, what was used before; return the line and its folder.

    Raises:
        RunsError, OSError: as above.
        PlaceError: there is nothing to go back to, or it must be said which line.
    """
    with _stopped(state_dir):
        return _steps(state_dir).go_back(line, by)


def _steps(state_dir: Path) -> Steps:
    """Return the steps, with every line in a defined state; the rest is left to the next start."""
    steps = Steps(state_dir)
    steps.lines.recover()
    return steps


@contextmanager
def _stopped(state_dir: Path) -> Iterator[None]:
    with _as_owner(state_dir):
        folder = StateDirectory(state_dir)
        if not folder.lock():
            raise RunsError(f"{state_dir}: the agent runs")
        try:
            yield
        finally:
            folder.close()


@contextmanager
def _as_owner(folder: Path) -> Iterator[None]:
    """Work as the user whose folder it is: what root wrote there the agent could not replace."""
    if os.geteuid() != 0 or not folder.exists():
        yield
        return
    owner, group = folder.stat(), os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
