"""Options that say where the broker is and what it is shown."""

import os
import ssl
from collections.abc import Callable
from pathlib import Path

import click

from trainer.collect.connection import Broker
from trainer.failures import Failure

_PORT, _TLS_PORT = 1883, 8883
_FILE = click.Path(path_type=Path, dir_okay=False)


def broker_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of ``broker``; they are called as in the agent's configuration."""
    for option in (
        click.option("--client-id", help="The store's own by default: one session for each store."),
        click.option("--key-file", type=_FILE, help="Its private key."),
        click.option("--cert-file", type=_FILE, help="The collector's own certificate."),
        click.option("--ca-file", type=_FILE, help="Certificates to trust, not the system's."),
        click.option("--tls", is_flag=True, help="Encrypt, and verify the broker's certificate."),
        click.option("--password-file", type=_FILE, help="File whose first line is the password."),
        click.option("--password-env", metavar="NAME", help="Variable that holds the password."),
        click.option("--username", help="Of a user that may read the gateways' messages."),
        click.option(
            "--port",
            type=click.IntRange(1, 65535),
            help=f"{_PORT}, or {_TLS_PORT} with --tls, by default.",
        ),
        click.option("--host", default="127.0.0.1", show_default=True, help="Of the broker."),
    ):
        command = option(command)
    return command


def broker(  # noqa: PLR0913 - one for each option
    *,
    host: str,
    port: int | None,
    username: str | None,
    password_env: str | None,
    password_file: Path | None,
    tls: bool,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    client_id: str | None,
) -> Broker:
    """Return what the options say.

    Raises:
        Failure: options that exclude each other, no password where one is said to be, or files
            that are no certificates.
    """
    password = _password(username, password_env, password_file)
    files = [file for file in (ca_file, cert_file, key_file) if file is not None]
    if files and not tls:
        raise Failure("--ca-file, --cert-file and --key-file go with --tls", os.EX_USAGE)
    if (cert_file is None) != (key_file is None):
        raise Failure("--cert-file and --key-file: one found, allowed: both or none", os.EX_USAGE)
    context = None
    if tls:
        try:
            context = _context(ca_file, cert_file, key_file)
        except OSError as error:
            named = ", ".join(map(str, files))
            raise Failure(f"{named}: no usable certificates: {error}", os.EX_CONFIG) from error
    return Broker(
        host=host,
        port=port or (_TLS_PORT if tls else _PORT),
        client_id=client_id,
        username=username,
        password=password,
        tls=context,
    )


def _password(username: str | None, variable: str | None, file: Path | None) -> str | None:
    if variable is not None and file is not None:
        raise Failure("--password-env and --password-file found, allowed: one", os.EX_USAGE)
    if username is None and (variable is not None or file is not None):
        raise Failure("a password without --username found, allowed: both or none", os.EX_USAGE)
    if file is not None:
        return _first_line(file)
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        state = "empty" if value == "" else "not set"
        raise Failure(f"--password-env {variable}: the variable is {state}", os.EX_CONFIG)
    return value


def _first_line(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"--password-file {file}: cannot be read", os.EX_CONFIG) from error
    if not lines or not lines[0]:
        raise Failure(f"--password-file {file}: its first line is empty", os.EX_CONFIG)
    return lines[0]


def _context(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    if cert is not None:
        # A passphrase would be asked for on a terminal that may not be there.
        context.load_cert_chain(cert, key, password="")
    return context
