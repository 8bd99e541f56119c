"""``edge-rollout status`` and ``log``."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_json
from edge_agent.cli.rollout_home import exit_code_of, open_home
from edge_agent.cli.rollout_screen import Screen, summary_lines

if TYPE_CHECKING:
    from edge_agent.rollout.fleet.states import Progress

_LOOK_S = 0.5


def status_command(folder: Path, rollout: str | None, *, watch: bool, as_json: bool) -> int:
    """Show plan and progress; return the exit code."""

    def show() -> int:
        from edge_agent.rollout.fleet.kept import Kept, NoneStartedError

        home = open_home(folder)
        kept = Kept(home.rollouts)
        try:
            name = rollout or kept.newest()
        except NoneStartedError:
            home.settings()  # in what is no home folder that is a mistake
            return _none_started(as_json=as_json)
        progress = kept.read(name)
        if watch and not as_json:
            progress = _watched(kept.read, name)
        if as_json:
            print_json(progress)
        else:
            for line in summary_lines(progress):
                click.echo(line)
            if not progress.ended and not kept.is_driven(name):
                click.echo(f"Nobody here drives it: edge-rollout resume {name} goes on.")
        if not progress.ended:
            return exit_codes.TRY_AGAIN
        return exit_codes.OK if progress.succeeded else exit_codes.BAD_DATA

    return exit_code_of(show)


def _none_started(*, as_json: bool) -> int:
    if as_json:
        print_json(None)
    else:
        click.echo("No rollout was started yet: edge-rollout start begins one.")
    return exit_codes.OK


def _watched(read: "Callable[[str], Progress]", rollout: str) -> "Progress":
    """Show it until it ends, or until Ctrl-C."""
    progress = read(rollout)
    with Screen(on=True) as screen:
        try:
            while True:
                screen.show(progress)
                if progress.ended:
                    break
                threading.Event().wait(_LOOK_S)
                progress = read(rollout)
        except KeyboardInterrupt:
            pass  # the way to end it
    return progress


def log_command(folder: Path, last: int, *, as_json: bool) -> int:
    """Show the end of the journal; return the exit code."""

    def show() -> int:
        home = open_home(folder)
        home.settings()  # a journal of no home folder is a mistake, not an empty one
        entries = home.journal.entries()[-last:]
        if as_json:
            print_json(entries)
            return exit_codes.OK
        for entry in entries:
            facts = " ".join(
                f"{name}={value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
                for name, value in entry.facts.items()
                if value is not None
            )
            click.echo(
                f"{entry.at:%Y-%m-%d %H:%M:%SZ}  {entry.by:<12}  {entry.action:<10}  {facts}"
            )
        return exit_codes.OK

    return exit_code_of(show)
