"""The operator's home folder on the command line: where it is, and who opens its keys."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.commanding import user_name
from edge_agent.cli.options import PATH
from edge_agent.cli.output import print_error

if TYPE_CHECKING:
    from edge_agent.rollout.repository.home import Home
    from edge_agent.rollout.repository.keys import Passphrase

HOME = click.option(
    "--home",
    "folder",
    type=PATH,
    envvar="EDGE_ROLLOUT_HOME",
    default=Path("edge-rollout"),
    show_default=True,
    help="The operator's folder; EDGE_ROLLOUT_HOME says so too.",
)
PASSPHRASE_FILE = click.option(
    "--passphrase-file",
    type=PATH,
    help="Its first line opens the keys; else EDGE_ROLLOUT_PASSPHRASE, else it is asked for.",
)
ROOT_PASSPHRASE_FILE = click.option(
    "--root-passphrase-file",
    type=PATH,
    help="For the keys of the root, where theirs is another; else EDGE_ROLLOUT_ROOT_PASSPHRASE.",
)


class PassphraseError(Exception):
    """A passphrase cannot be read; the message names the file."""


def passphrase(
    file: Path | None,
    root_file: Path | None = None,
    is_new: Callable[[str], bool] = lambda _name: False,
) -> "Passphrase":
    """Return what opens a key by its name: from a file, the environment, or the terminal.

    Args:
        file: of the passphrase.
        root_file: of that of the root's keys.
        is_new: says whether a key is to be made: its passphrase is asked for twice.
    """
    asked: dict[str, str] = {}

    def of(name: str) -> str:
        root = name.startswith("root-")
        sources = [(file, "EDGE_ROLLOUT_PASSPHRASE")]
        if root:
            sources.insert(0, (root_file, "EDGE_ROLLOUT_ROOT_PASSPHRASE"))
        for source, variable in sources:
            if source is not None:
                return _first_line(source)
            if variable in os.environ:
                return os.environ[variable]
        # One for all that are online, one for each key of the root: their holders differ.
        who = name if root else "online"
        if who not in asked:
            asked[who] = click.prompt(
                f"Passphrase of {who}", hide_input=True, confirmation_prompt=is_new(name), err=True
            )
        return asked[who]

    return of


def open_home(folder: Path) -> "Home":
    """Return the folder, for whoever runs the command."""
    from edge_agent.rollout.repository.home import Home

    return Home(folder, user_name())


def exit_code_of(command: Callable[[], int]) -> int:
    """Run ``command``; where it fails as it may, say why and return the exit code for that."""
    from edge_agent.bundle import BundleError
    from edge_agent.rollout.envelope import EnvelopeError
    from edge_agent.rollout.fleet.claim import HeldError
    from edge_agent.rollout.fleet.inventory import InventoryError
    from edge_agent.rollout.fleet.kept import DrivenError, RolloutError
    from edge_agent.rollout.fleet.orders import OrdersError
    from edge_agent.rollout.fleet.plan import PlanError
    from edge_agent.rollout.fleet.sightings import SightingsError
    from edge_agent.rollout.fleet.start import OverlapError
    from edge_agent.rollout.mqtt import BrokerError
    from edge_agent.rollout.repository.home import BusyError, HomeError
    from edge_agent.rollout.repository.keys import KeyFileError
    from edge_agent.rollout.repository.repository import ConflictError
    from edge_agent.rollout.repository.settings import SettingsError

    codes: dict[type[Exception], int] = {
        BundleError: exit_codes.BAD_DATA,
        EnvelopeError: exit_codes.REFUSED,
        BrokerError: exit_codes.UNAVAILABLE,
        BusyError: exit_codes.TRY_AGAIN,
        HomeError: exit_codes.CONFIGURATION,
        SettingsError: exit_codes.CONFIGURATION,
        PassphraseError: exit_codes.CONFIGURATION,
        KeyFileError: exit_codes.REFUSED,
        ConflictError: exit_codes.REFUSED,
        DrivenError: exit_codes.REFUSED,
        HeldError: exit_codes.REFUSED,
        OverlapError: exit_codes.REFUSED,
        PlanError: exit_codes.USAGE,
        InventoryError: exit_codes.BAD_DATA,
        RolloutError: exit_codes.BAD_DATA,
        OrdersError: exit_codes.BAD_DATA,
        SightingsError: exit_codes.BAD_DATA,
        OSError: exit_codes.UNAVAILABLE,
    }
    try:
        return command()
    except BrokenPipeError:
        raise  # whoever read the output has gone: see run_program
    except tuple(codes) as error:
        print_error(str(error))
        return next(code for kind, code in codes.items() if isinstance(error, kind))


def _first_line(file: Path) -> str:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PassphraseError(f"{file}: {error}") from error
    if not lines:
        raise PassphraseError(f"{file}: empty; allowed: a passphrase in the first line")
    return lines[0]
