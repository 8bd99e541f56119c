"""``edge-rollout publish`` and the other commands for keys and published models."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json
from edge_agent.cli.rollout_home import exit_code_of, open_home, passphrase

if TYPE_CHECKING:
    from edge_agent.rollout.repository.home import Home
    from edge_agent.rollout.repository.repository import Published, Repository
    from edge_agent.rollout.repository.upload import Uploaded

# What gateways warn of, too.
_WARNED_DAYS = 7


def publish_command(
    folder: Path, passphrase_file: Path | None, bundle: Path, *, as_json: bool
) -> int:
    """Check, sign and upload a bundle; return the exit code."""

    def publish() -> int:
        home = open_home(folder)
        with home.locked():
            repository = _repository(home, passphrase_file)
            published = repository.publish(bundle)
            _show(published, _upload(home), as_json=as_json)
            _warn(repository)
        return exit_codes.OK

    return exit_code_of(publish)


def unpublish_command(
    folder: Path, passphrase_file: Path | None, model: str, *, as_json: bool
) -> int:
    """Take a bundle out of the repository and off the broker; return the exit code."""
    name, _, version = model.partition("@")
    if not name or not version:
        print_error(f"MODEL: found {model!r}; allowed: NAME@VERSION, such as press@1.4.0")
        return exit_codes.USAGE

    def unpublish() -> int:
        home = open_home(folder)
        with home.locked():
            repository = _repository(home, passphrase_file)
            published = repository.unpublish(name, version)
            _show(published, _upload(home), as_json=as_json)
            _warn(repository)
        return exit_codes.OK

    return exit_code_of(unpublish)


def republish_command(folder: Path, *, as_json: bool) -> int:
    """Restore what the broker has lost; return the exit code."""

    def republish() -> int:
        home = open_home(folder)
        home.broker()  # there must be one
        with home.locked():
            uploaded = _upload(home, everything=True)
            home.journal.write("republish", upload=uploaded)
            if as_json:
                print_json(uploaded)
            else:
                _print_uploaded(uploaded)
        return exit_codes.OK

    return exit_code_of(republish)


def refresh_command(
    folder: Path,
    passphrase_file: Path | None,
    root_passphrase_file: Path | None,
    *,
    root: bool,
    as_json: bool,
) -> int:
    """Sign again what ends soon; return the exit code."""

    def refresh() -> int:
        home = open_home(folder)
        with home.locked():
            repository = _repository(home, passphrase_file, root_passphrase_file)
            roles = repository.refresh(root=root)
            uploaded = _upload(home)
            expiries = repository.expiries()
            if as_json:
                print_json({"refreshed": roles, "expires": expiries, "upload": uploaded})
            else:
                click.echo(f"signed again: {', '.join(roles) or 'nothing'}")
                for role, at in expiries.items():
                    click.echo(f"  {role} until {at:%Y-%m-%d}")
                _print_uploaded(uploaded)
            _warn(repository)
        return exit_codes.OK

    return exit_code_of(refresh)


def rotate_command(
    folder: Path,
    passphrase_file: Path | None,
    root_passphrase_file: Path | None,
    key: str,
    *,
    as_json: bool,
) -> int:
    """Replace a key; return the exit code."""

    def rotate() -> int:
        from edge_agent.rollout.repository.repository import Repository

        home = open_home(folder)
        with home.locked():
            opens = passphrase(passphrase_file, root_passphrase_file, lambda name: name == key)
            repository = Repository(home, opens)
            keyid = repository.rotate(key)
            uploaded = _upload(home)
            if as_json:
                print_json({"key": key, "key_id": keyid, "upload": uploaded})
            else:
                click.echo(f"{key} is now {keyid}")
                _print_uploaded(uploaded)
            _warn(repository)
        return exit_codes.OK

    return exit_code_of(rotate)


def export_command(folder: Path, destination: Path, *, as_json: bool) -> int:
    """Copy the repository to a folder; return the exit code."""

    def copy() -> int:
        from edge_agent.rollout.repository.export import export

        home = open_home(folder)
        with home.locked():
            exported = export(home, destination)
            home.journal.write("export", destination=str(destination.absolute()))
        if as_json:
            print_json(exported)
        else:
            click.echo(
                f"{destination}: {exported.files} files, {exported.copied} of them copied"
                f" ({_mb(exported.copied_bytes)}), {exported.deleted} old ones deleted"
            )
        return exit_codes.OK

    return exit_code_of(copy)


def _repository(
    home: "Home", passphrase_file: Path | None, root_passphrase_file: Path | None = None
) -> "Repository":
    from edge_agent.rollout.repository.repository import Repository

    return Repository(home, passphrase(passphrase_file, root_passphrase_file))


def _upload(home: "Home", *, everything: bool = False) -> "Uploaded | None":
    """Bring the repository to the broker, and all else where it lost all; None without one."""
    from edge_agent.rollout.mqtt import connected
    from edge_agent.rollout.repository.roles import Roles
    from edge_agent.rollout.repository.upload import is_wiped, restore, upload

    if not home.has_broker():
        return None
    targets = Roles(home.metadata).targets().signed.targets.values()
    with (
        connected(home.broker(), "edge-rollout") as client,
        click.progressbar(
            length=sum(target.length for target in targets),
            label="upload",
            hidden=not sys.stderr.isatty(),
            file=sys.stderr,
        ) as bar,
    ):
        everything = everything or is_wiped(client, home)
        return (restore if everything else upload)(client, home, bar.update)


def _show(published: "Published", uploaded: "Uploaded | None", *, as_json: bool) -> None:
    if as_json:
        print_json({"model": published, "upload": uploaded})
    else:
        click.echo(
            f"{published.name}@{published.version}: sha256 {published.sha256},"
            f" {_mb(published.length)}"
        )
        _print_uploaded(uploaded)


def _print_uploaded(uploaded: "Uploaded | None") -> None:
    if uploaded is None:
        click.echo("no broker: see export")
    else:
        click.echo(
            f"on the broker: {uploaded.sent} messages sent ({_mb(uploaded.sent_bytes)}),"
            f" {uploaded.there} were there, {uploaded.deleted} deleted"
        )


def _warn(repository: "Repository") -> None:
    """Say which signatures end soon, which refresh alone has not prevented."""
    from datetime import timedelta

    from edge_agent.rollout.repository.chain import utc_now

    for role, at in repository.expiries().items():
        if at - utc_now() < timedelta(days=_WARNED_DAYS):
            command = "refresh --root" if role == "root" else "refresh"
            print_error(f"{role} ends on {at:%Y-%m-%d}: run edge-rollout {command} before")


def _mb(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
