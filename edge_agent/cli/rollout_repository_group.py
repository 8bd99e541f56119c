"""``edge-rollout``: the commands for keys and published models, without what they need to run."""

from pathlib import Path

import click

from edge_agent.cli.options import COUNT, JSON, PATH
from edge_agent.cli.rollout_home import HOME, PASSPHRASE_FILE, ROOT_PASSPHRASE_FILE

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="\b\nExamples:\n"
    "  edge-rollout init --broker localhost\n"
    "  edge-rollout init --broker broker.example --tls --ca-file ca.crt"
    " --username operator --password-file password\n"
    "  edge-rollout init --root-keys 3 --root-threshold 2"
)
@HOME
@PASSPHRASE_FILE
@ROOT_PASSPHRASE_FILE
@click.option("--broker", help="HOST or HOST:PORT; none: models are only exported to folders.")
@click.option("--root-topic", default="edge/v1", show_default=True, help="Begins every topic.")
@click.option("--username", help="For the broker.")
@click.option("--password-file", type=_FILE, help="Its first line is the broker's password.")
@click.option("--tls", is_flag=True, help="Encrypt, and verify the broker's certificate.")
@click.option("--ca-file", type=_FILE, help="Certificates to trust instead of the system's.")
@click.option("--cert-file", type=_FILE, help="Own certificate, where the broker wants one.")
@click.option("--key-file", type=_FILE, help="Its private key.")
@click.option("--root-keys", type=COUNT, default=2, show_default=True, help="Keys of the root.")
@click.option(
    "--root-threshold", type=COUNT, default=1, show_default=True, help="How many must sign."
)
@click.option("--online-keys", type=COUNT, default=1, show_default=True, help="For all else.")
@click.option(
    "--online-threshold", type=COUNT, default=1, show_default=True, help="How many must sign."
)
@JSON
def init(  # noqa: PLR0913 - click passes one for each option
    *,
    folder: Path,
    passphrase_file: Path | None,
    root_passphrase_file: Path | None,
    broker: str | None,
    root_topic: str,
    username: str | None,
    password_file: Path | None,
    tls: bool,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    root_keys: int,
    root_threshold: int,
    online_keys: int,
    online_threshold: int,
    as_json: bool,
) -> int:
    """Make the operator's folder: keys, encrypted by passphrase, and the first metadata.

    Prints the fingerprint of the root, by which gateways know the operator.
    """
    from edge_agent.cli.rollout_init import BrokerChoice, init_command
    from edge_agent.rollout.repository.repository import Holders

    files = {
        "password_file": password_file,
        "ca_file": ca_file,
        "cert_file": cert_file,
        "key_file": key_file,
    }
    choice = BrokerChoice(broker, root_topic, username, tls, files)
    holders = Holders(root_keys, root_threshold, online_keys, online_threshold)
    return init_command(
        folder, passphrase_file, root_passphrase_file, choice, holders, as_json=as_json
    )


@click.command(epilog="\b\nExample:\n  edge-rollout publish press-1.4.0.edgemodel")
@HOME
@PASSPHRASE_FILE
@click.argument("bundle", type=_FILE)
@JSON
def publish(folder: Path, passphrase_file: Path | None, bundle: Path, *, as_json: bool) -> int:
    """Check BUNDLE by its golden vectors, sign it and upload it.

    Cut off, the same command goes on. Exit code 65: the bundle is not sound. 77: its name and
    version were published with other bytes. 69: signed, but the broker has not got all of it.
    """
    from edge_agent.cli.rollout_repository import publish_command

    return publish_command(folder, passphrase_file, bundle, as_json=as_json)


@click.command(epilog="\b\nExample:\n  edge-rollout unpublish press@1.4.0")
@HOME
@PASSPHRASE_FILE
@click.argument("model")
@JSON
def unpublish(folder: Path, passphrase_file: Path | None, model: str, *, as_json: bool) -> int:
    """Take MODEL (NAME@VERSION) out; gateways that run it go on with it."""
    from edge_agent.cli.rollout_repository import unpublish_command

    return unpublish_command(folder, passphrase_file, model, as_json=as_json)


@click.command(epilog="\b\nExample:\n  edge-rollout republish")
@HOME
@JSON
def republish(folder: Path, *, as_json: bool) -> int:
    """Restore all that the broker has lost: models, metadata, what gateways should run."""
    from edge_agent.cli.rollout_repository import republish_command

    return republish_command(folder, as_json=as_json)


@click.command(
    epilog="\b\nExamples:\n"
    "  edge-rollout refresh --passphrase-file passphrase\n"
    "  edge-rollout refresh --root"
)
@HOME
@PASSPHRASE_FILE
@ROOT_PASSPHRASE_FILE
@click.option("--root", is_flag=True, help="Sign the root again too, with its own keys.")
@JSON
def refresh(
    folder: Path,
    passphrase_file: Path | None,
    root_passphrase_file: Path | None,
    *,
    root: bool,
    as_json: bool,
) -> int:
    """Sign again what has less than half of its time left; a timer runs this every day."""
    from edge_agent.cli.rollout_repository import refresh_command

    return refresh_command(
        folder, passphrase_file, root_passphrase_file, root=root, as_json=as_json
    )


@click.command(
    "rotate-key",
    epilog="\b\nExamples:\n  edge-rollout rotate-key online\n  edge-rollout rotate-key root-1",
)
@HOME
@PASSPHRASE_FILE
@ROOT_PASSPHRASE_FILE
@click.argument("key")
@JSON
def rotate_key(
    folder: Path,
    passphrase_file: Path | None,
    root_passphrase_file: Path | None,
    key: str,
    *,
    as_json: bool,
) -> int:
    """Replace KEY (online, root-1, root-2, ...) by a new one; a lost root key by the others."""
    from edge_agent.cli.rollout_repository import rotate_command

    return rotate_command(folder, passphrase_file, root_passphrase_file, key, as_json=as_json)


@click.command(epilog="\b\nExample:\n  edge-rollout export /media/stick/models")
@HOME
@click.argument("destination", type=PATH)
@JSON
def export(folder: Path, destination: Path, *, as_json: bool) -> int:
    """Copy the repository into the folder DESTINATION, for a web server or a USB stick."""
    from edge_agent.cli.rollout_repository import export_command

    return export_command(folder, destination, as_json=as_json)


REPOSITORY_COMMANDS = (init, publish, unpublish, republish, refresh, rotate_key, export)
