"""``edge-rollout init``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json
from edge_agent.cli.rollout_home import exit_code_of, open_home, passphrase

if TYPE_CHECKING:
    from edge_agent.rollout.repository.repository import Holders

_PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class BrokerChoice:
    """What the command line says of the broker; ``files`` by their keys in ``operator.toml``."""

    address: str | None
    root_topic: str
    username: str | None
    tls: bool
    files: dict[str, Path | None]


def init_command(
    folder: Path,
    passphrase_file: Path | None,
    root_passphrase_file: Path | None,
    choice: BrokerChoice,
    holders: "Holders",
    *,
    as_json: bool,
) -> int:
    """Make home folder, keys and first metadata; return the exit code."""
    from edge_agent.rollout.repository.repository import Repository

    settings = _settings(choice)
    if settings is None:
        return exit_codes.USAGE

    def make() -> int:
        home = open_home(folder)
        home.create(settings.encode())
        with home.locked():
            opens = passphrase(passphrase_file, root_passphrase_file, lambda _name: True)
            fingerprint = Repository(home, opens).init(holders)
        if as_json:
            print_json({"home": str(folder), "root_sha256": fingerprint})
        else:
            click.echo(f"{folder}: root {fingerprint}")
            click.echo(
                f"Keep the keys {folder / 'keys'}/root-*.pem elsewhere, each with its own holder:"
                " only rotate-key and refresh --root need them, and only as many as must sign."
            )
        return exit_codes.OK

    return exit_code_of(make)


def _settings(choice: BrokerChoice) -> str | None:
    """Return the content of ``operator.toml``; None, after saying why, for no address."""
    if choice.address is None:
        if choice.tls or choice.username or any(choice.files.values()):
            print_error(
                "--broker: found nothing; allowed: HOST or HOST:PORT, as more is said of it"
            )
            return None
        return "# No broker: edge-rollout export copies the repository to a folder.\n"
    host, port = _address(choice.address)
    if not host or (port is not None and not 1 <= port <= _PORT_MAX):
        print_error(f"--broker: found {choice.address!r}; allowed: HOST or HOST:PORT")
        return None
    said: dict[str, object] = {"host": host, "port": port, "root": choice.root_topic}
    said |= {"username": choice.username, "tls": choice.tls or None}
    for key, file in choice.files.items():
        said[key] = None if file is None else str(file.absolute())
    # A JSON string is a TOML string, as true is true and a number a number.
    lines = [f"{key} = {json.dumps(value)}" for key, value in said.items() if value is not None]
    return "\n".join(["[broker]", *lines, ""])


def _address(text: str) -> tuple[str, int | None]:
    """Take ``host``, ``host:port``, ``[::1]:port`` or ``::1`` apart; port 0 is a wrong one."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")) or text.endswith("]"):
        return text.strip("[]"), None
    return host.strip("[]"), int(port) if port.isdecimal() else 0
