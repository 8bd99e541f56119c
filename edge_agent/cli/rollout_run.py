"""``edge-rollout start``, ``resume``, ``pause`` and ``abort``."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.commanding import user_name
from edge_agent.cli.output import print_error, print_json
from edge_agent.cli.rollout_home import exit_code_of, open_home, passphrase
from edge_agent.cli.rollout_screen import Screen, summary_lines
from edge_agent.cli.rollout_wanted import Wanted, asked_of

if TYPE_CHECKING:
    from edge_agent.rollout.fleet.desk import Desk
    from edge_agent.rollout.fleet.kept import Wish
    from edge_agent.rollout.fleet.record import Outcome
    from edge_agent.rollout.fleet.states import Progress

_PATIENCE_S = 60.0  # for the process that drives a rollout to do what it is asked
_AGAIN_S, _LOOK_S = 2.0, 0.1


def open_desk(folder: Path, passphrase_file: Path | None) -> "Desk":
    """Return the operator's folder as the fleet's commands see it."""
    from edge_agent.rollout.fleet.desk import Desk
    from edge_agent.rollout.repository.repository import Repository

    return Desk(Repository(open_home(folder), passphrase(passphrase_file)))


def start_command(
    folder: Path, passphrase_file: Path | None, wanted: Wanted, *, watch: bool, as_json: bool
) -> int:
    """Plan a rollout and drive it; return the exit code."""

    def run() -> int:
        from edge_agent.rollout.fleet.claim import HeldError
        from edge_agent.rollout.fleet.start import start, withdraw
        from edge_agent.rollout.mqtt import BrokerError

        desk = open_desk(folder, passphrase_file)
        asked = asked_of(wanted, user_name())
        _ = desk.signers, desk.home.broker()  # before anything is begun
        progress = start(desk, asked, datetime.now(UTC))
        rollout = progress.plan.rollout
        try:
            return _drive(desk, rollout, None, watch=watch, as_json=as_json)
        except (BrokerError, HeldError):
            withdraw(desk, rollout)
            raise

    return exit_code_of(run)


def resume_command(
    folder: Path,
    passphrase_file: Path | None,
    rollout: str | None,
    *,
    take_over: bool,
    watch: bool,
    as_json: bool,
) -> int:
    """Go on with a rollout; return the exit code."""

    def run() -> int:
        from edge_agent.rollout.fleet.kept import Wish

        desk = open_desk(folder, passphrase_file)
        name = rollout or desk.kept.newest()
        wish = Wish(action="resume", reason=f"by {user_name()}")
        return _drive(desk, name, wish, take_over=take_over, watch=watch, as_json=as_json)

    return exit_code_of(run)


def pause_command(
    folder: Path, passphrase_file: Path | None, rollout: str | None, *, as_json: bool
) -> int:
    """Have a rollout give no further orders; return the exit code."""

    def run() -> int:
        from edge_agent.rollout.fleet.kept import Wish

        desk = open_desk(folder, passphrase_file)
        name = rollout or desk.kept.newest()
        wish = Wish(action="pause", reason=f"paused by {user_name()}")
        progress = _asked_of_driver(desk, name, wish)
        if progress is None:
            _, progress = _driven(desk, name, wish, Screen(on=False))
        return _said(progress, "paused", as_json=as_json)

    return exit_code_of(run)


def abort_command(
    folder: Path,
    passphrase_file: Path | None,
    rollout: str | None,
    *,
    roll_back: bool,
    take_over: bool,
    as_json: bool,
) -> int:
    """Stop a rollout; return the exit code."""

    def run() -> int:
        from edge_agent.rollout.fleet.kept import Wish

        desk = open_desk(folder, passphrase_file)
        name = rollout or desk.kept.newest()
        wish = Wish(action="abort", take_back=roll_back, reason=f"aborted by {user_name()}")
        progress = _asked_of_driver(desk, name, wish)
        if progress is None:
            _, progress = _driven(desk, name, wish, Screen(on=False), take_over=take_over)
        return _said(progress, "aborted", as_json=as_json)

    return exit_code_of(run)


def _asked_of_driver(desk: "Desk", rollout: str, wish: "Wish") -> "Progress | None":
    """Ask the process that drives it here, and wait until it has ended; None: there is none.

    Taking back may last as long as an update does; the wait is for silence, not for the end.
    """
    if not desk.kept.is_driven(rollout):
        return None
    progress = desk.kept.read(rollout)
    desk.kept.ask(rollout, wish)
    asked_s = heard_s = monotonic()
    while desk.kept.is_driven(rollout) and monotonic() < heard_s + _PATIENCE_S:
        if progress.status == "running" and monotonic() > asked_s + _AGAIN_S:
            desk.kept.ask(rollout, wish)  # again: one that has just begun forgets older wishes
            asked_s = monotonic()
        sleep(_LOOK_S)
        newer = desk.kept.read(rollout)
        if newer != progress or newer.status == "aborting":
            progress, heard_s = newer, monotonic()
    return desk.kept.read(rollout)


def _said(progress: "Progress", wanted: str, *, as_json: bool) -> int:
    """Print what came of it, and return the exit code."""
    _print(progress, as_json=as_json)
    if progress.status != wanted:
        print_error(f"{progress.plan.rollout}: found {progress.status}; asked for: {wanted}")
        return exit_codes.REFUSED if progress.ended else exit_codes.TRY_AGAIN
    left = [entry for entry in progress.entries.values() if entry.state == "not_taken_back"]
    return exit_codes.BAD_DATA if left else exit_codes.OK


def _drive(
    desk: "Desk",
    rollout: str,
    wish: "Wish | None",
    *,
    take_over: bool = False,
    watch: bool,
    as_json: bool,
) -> int:
    screen = Screen(on=watch and not as_json)
    if not as_json:
        click.echo(f"rollout {rollout}", err=True)
    outcome, progress = _driven(desk, rollout, wish, screen, take_over=take_over)
    _print(progress, as_json=as_json)
    if outcome == "ended":
        return exit_codes.OK if progress.succeeded else exit_codes.BAD_DATA
    if outcome == "superseded":
        print_error(f"{rollout}: another controller has taken over")
        return exit_codes.REFUSED
    why = {
        "paused": "paused",
        "interrupted": "interrupted",
        "keys_replaced": "the operators' keys were replaced meanwhile",
    }[outcome]
    print_error(f"{rollout}: {why}; edge-rollout resume {rollout} goes on")
    return exit_codes.TRY_AGAIN


def _driven(
    desk: "Desk",
    rollout: str,
    wish: "Wish | None",
    screen: Screen,
    *,
    take_over: bool = False,
) -> "tuple[Outcome, Progress]":
    from edge_agent.rollout.fleet.drive import drive

    with _until_interrupted() as stopping, screen:
        return drive(
            desk,
            rollout,
            screen.show,
            stopping,
            trouble=screen.say,
            wish=wish,
            take_over=take_over,
        )


@contextmanager
def _until_interrupted() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set: the broker hears that nobody drives any more."""
    stopping = threading.Event()
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in wanted}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print(progress: "Progress", *, as_json: bool) -> None:
    if as_json:
        print_json(progress)
        return
    for line in summary_lines(progress):
        click.echo(line)
