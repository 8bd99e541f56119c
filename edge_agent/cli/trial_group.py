"""``edge-agent trial``: its commands, without what they need to run."""

from pathlib import Path

import click

from edge_agent.cli.options import CONFIG, COUNT, JSON

_ASSET = click.argument("asset")
_BUNDLE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(epilog="\b\nExample:\n  edge-agent trial start pump-1 bearing-1.4.0.edgemodel")
def trial() -> None:
    """Let another bundle score beside the one that judges; what runs stays as it is."""


@trial.command(
    "start", epilog="\b\nExample:\n  edge-agent trial start pump-1 new.edgemodel --windows 500"
)
@CONFIG
@_ASSET
@click.argument("bundle", type=_BUNDLE)
@click.option("--windows", type=COUNT, help="Live windows both must have scored.  [default: 100]")
@JSON
def start(config: Path, asset: str, bundle: Path, windows: int | None, *, as_json: bool) -> int:
    """Have BUNDLE score what is recorded of ASSET, then the same live windows."""
    from edge_agent.cli.trial import start_command

    return start_command(config, asset, bundle, windows, as_json=as_json)


@trial.command("status", epilog="\b\nExample:\n  edge-agent trial status pump-1")
@CONFIG
@_ASSET
@JSON
def status(config: Path, asset: str, *, as_json: bool) -> int:
    """Say how the trial of ASSET goes. Exit code: 0 good, 65 bad, 75 nobody can tell yet."""
    from edge_agent.cli.trial import status_command

    return status_command(config, asset, as_json=as_json)


@trial.command("stop", epilog="\b\nExample:\n  edge-agent trial stop pump-1")
@CONFIG
@_ASSET
@JSON
def stop(config: Path, asset: str, *, as_json: bool) -> int:
    """End the trial of ASSET and forget it."""
    from edge_agent.cli.trial import stop_command

    return stop_command(config, asset, as_json=as_json)
