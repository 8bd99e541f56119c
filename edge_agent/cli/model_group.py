"""``edge-agent model``: its commands, without what they need to run."""

from pathlib import Path

import click

from edge_agent.cli.options import CONFIG, JSON

_BROUGHT = click.Path(exists=True, path_type=Path)
_LINE = click.option("--line", help="Which line; by itself the one named as the bundle, or alone.")


@click.group(epilog="\b\nExample:\n  edge-agent model list")
def model() -> None:
    """Look at the models of the lines that assets follow, bring one, or go back to the last."""


@model.command("list", epilog="\b\nExample:\n  edge-agent model list --json")
@CONFIG
@JSON
def list_(config: Path, *, as_json: bool) -> int:
    """List the models on this gateway: those in use, those used before, those only placed."""
    from edge_agent.cli.model import list_command

    return list_command(config, as_json=as_json)


@model.command(
    "install",
    epilog="\b\nExamples:\n"
    "  edge-agent model install /media/usb/repository\n"
    "  edge-agent model install /media/usb/repository --model bearing@1.4.0 --line press\n"
    "  edge-agent model install bearing-1.4.0.edgemodel --unsigned",
)
@CONFIG
@click.argument("path", type=_BROUGHT)
@click.option("--model", help="Which one of a folder, NAME@VERSION; by itself the highest.")
@_LINE
@click.option("--unsigned", is_flag=True, help="Take a file though the gateway is enrolled.")
@click.option("--allow-downgrade", is_flag=True, help="Take a lower version than the one in use.")
@JSON
def install(
    *,
    config: Path,
    path: Path,
    model: str | None,
    line: str | None,
    unsigned: bool,
    allow_downgrade: bool,
    as_json: bool,
) -> int:
    """Verify what is at PATH and use it: a folder of edge-rollout export, or a bundle's file.

    There is no trial: who stands at the gateway decides. Exit code 65: no sound bundle for the
    sensors and plugins here; 77: not signed, or not allowed.
    """
    from edge_agent.cli.model import install_command
    from edge_agent.daemon.commands.requests import Model

    return install_command(
        config,
        lambda number, by: Model(
            id=number,
            by=by,
            action="install",
            path=str(path.absolute()),
            model=model,
            line=line,
            unsigned=unsigned,
            allow_downgrade=allow_downgrade,
        ),
        as_json=as_json,
    )


@model.command("rollback", epilog="\b\nExample:\n  edge-agent model rollback --line press")
@CONFIG
@_LINE
@JSON
def rollback(config: Path, line: str | None, *, as_json: bool) -> int:
    """Use what was used before. It needs no network, no clock and no signature.

    Exit code 77: there is nothing to go back to.
    """
    from edge_agent.cli.model import rollback_command

    return rollback_command(config, line, as_json=as_json)
