"""``edge-agent alarm``: its commands and their options."""

import re
from pathlib import Path

import click

from edge_agent.cli.duration import DURATION
from edge_agent.cli.options import CONFIG, JSON

_NOTE = click.option("--note", help="For whoever looks next.")
_ID = re.compile(r"[0-9a-f]{4,32}")


def _anomaly_id(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _ID.fullmatch(value):
        allowed = "4 digits and more of an id, as alarm list and explain show it"
        raise click.BadParameter(f"found {value!r}; allowed: {allowed}")
    return value


_ANOMALY = click.option(
    "--anomaly",
    "anomaly_id",
    callback=_anomaly_id,
    help="Its id or the first digits; where not given, the last one.",
)


@click.group(
    epilog="\b\nExamples:\n  edge-agent alarm list\n  edge-agent alarm shelve pump-1 --for 8h"
)
def alarm() -> None:
    """See who calls, and say that somebody looks after it, was wrong, or works on the machine."""


@alarm.command("list", epilog="\b\nExample:\n  edge-agent alarm list pump-1 --json")
@CONFIG
@click.argument("asset", required=False)
@JSON
def list_(config: Path, asset: str | None, *, as_json: bool) -> int:
    """Show how the alarms of ASSET, or of all, stand."""
    from edge_agent.cli.alarm import list_command

    return list_command(config, asset, as_json=as_json)


@alarm.command("log", epilog="\b\nExample:\n  edge-agent alarm log pump-1 --last 20")
@CONFIG
@click.argument("asset", required=False)
@click.option("--last", type=click.IntRange(1, 200), default=50, show_default=True)
@JSON
def log(config: Path, asset: str | None, last: int, *, as_json: bool) -> int:
    """Show who asked for what and what became of alarms, the newest last."""
    from edge_agent.cli.alarm import log_command

    return log_command(config, asset, last, as_json=as_json)


@alarm.command(epilog='\b\nExample:\n  edge-agent alarm ack pump-1 --note "on my way"')
@CONFIG
@click.argument("asset")
@click.option(
    "--anomaly",
    "anomaly_id",
    callback=_anomaly_id,
    help="Its id or the first digits; where not given, the open one.",
)
@_NOTE
@JSON
def ack(
    config: Path, asset: str, anomaly_id: str | None, note: str | None, *, as_json: bool
) -> int:
    """Take note of the open anomaly of ASSET: it calls again where it gets twice as bad."""
    from edge_agent.cli.alarm import change_command
    from edge_agent.daemon.commands.requests import Acknowledge

    return change_command(
        config,
        lambda i, by: Acknowledge(id=i, by=by, asset=asset, anomaly_id=anomaly_id, note=note),
        as_json=as_json,
    )


@alarm.command(epilog="\b\nExample:\n  edge-agent alarm shelve pump-1 --for 8h")
@CONFIG
@click.argument("asset")
@click.option("--for", "seconds", type=DURATION, required=True, help="How long: 90m, 8h, 2d.")
@_NOTE
@JSON
def shelve(config: Path, asset: str, seconds: float, note: str | None, *, as_json: bool) -> int:
    """Call nobody about ASSET for a limited time; all is still found, counted and shown."""
    from edge_agent.cli.alarm import change_command
    from edge_agent.daemon.commands.requests import Shelve

    return change_command(
        config,
        lambda i, by: Shelve(id=i, by=by, asset=asset, for_s=seconds, note=note),
        as_json=as_json,
    )


@alarm.command(epilog="\b\nExample:\n  edge-agent alarm unshelve pump-1")
@CONFIG
@click.argument("asset")
@_NOTE
@JSON
def unshelve(config: Path, asset: str, note: str | None, *, as_json: bool) -> int:
    """End the shelving of ASSET; what is open calls again."""
    from edge_agent.cli.alarm import change_command
    from edge_agent.daemon.commands.requests import Unshelve

    return change_command(
        config, lambda i, by: Unshelve(id=i, by=by, asset=asset, note=note), as_json=as_json
    )


@alarm.command(epilog='\b\nExample:\n  edge-agent alarm maintain pump-1 --for 4h --note "new seal"')
@CONFIG
@click.argument("asset")
@click.option("--for", "seconds", type=DURATION, help="How long; else until `resume`.")
@_NOTE
@JSON
def maintain(
    config: Path, asset: str, seconds: float | None, note: str | None, *, as_json: bool
) -> int:
    """Begin the maintenance of ASSET: it is scored and marked, no alarm is raised."""
    from edge_agent.cli.alarm import change_command
    from edge_agent.daemon.commands.requests import Maintain

    return change_command(
        config,
        lambda i, by: Maintain(id=i, by=by, asset=asset, for_s=seconds, note=note),
        as_json=as_json,
    )


@alarm.command(epilog="\b\nExample:\n  edge-agent alarm resume pump-1")
@CONFIG
@click.argument("asset")
@_NOTE
@JSON
def resume(config: Path, asset: str, note: str | None, *, as_json: bool) -> int:
    """End the maintenance of ASSET; what is still open is raised."""
    from edge_agent.cli.alarm import change_command
    from edge_agent.daemon.commands.requests import Resume

    return change_command(
        config, lambda i, by: Resume(id=i, by=by, asset=asset, note=note), as_json=as_json
    )


@alarm.command(epilog='\b\nExample:\n  edge-agent alarm confirm pump-1 --fault "outer race"')
@CONFIG
@click.argument("asset")
@_ANOMALY
@click.option("--fault", help="What it was.")
@_NOTE
@JSON
def confirm(
    *,
    config: Path,
    asset: str,
    anomaly_id: str | None,
    fault: str | None,
    note: str | None,
    as_json: bool,
) -> int:
    """Say that an anomaly of ASSET was a fault: a label for the next training."""
    from edge_agent.cli.alarm import change_command
    from edge_agent.daemon.commands.requests import Confirm

    return change_command(
        config,
        lambda i, by: Confirm(
            id=i, by=by, asset=asset, anomaly_id=anomaly_id, fault=fault, note=note
        ),
        as_json=as_json,
    )


@alarm.command(epilog='\b\nExample:\n  edge-agent alarm reject pump-1 --note "forklift"')
@CONFIG
@click.argument("asset")
@_ANOMALY
@_NOTE
@JSON
def reject(
    config: Path, asset: str, anomaly_id: str | None, note: str | None, *, as_json: bool
) -> int:
    """Say that an anomaly of ASSET was none: a label for the next training."""
    from edge_agent.cli.alarm import change_command
    from edge_agent.daemon.commands.requests import Reject

    return change_command(
        config,
        lambda i, by: Reject(id=i, by=by, asset=asset, anomaly_id=anomaly_id, note=note),
        as_json=as_json,
    )
