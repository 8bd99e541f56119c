"""``edge-agent alarm``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.commanding import answer_of_running
from edge_agent.cli.duration import DURATION
from edge_agent.cli.options import CONFIG, JSON
from edge_agent.cli.output import print_json, print_table

if TYPE_CHECKING:
    from edge_agent.daemon.commands.requests import AnyCommand

_NOTE = click.option("--note", help="For whoever looks next.")
_ANOMALY = click.option("--anomaly", "anomaly_id", help="Its id; where not given, the last one.")
_WORDS = {
    "quiet": "quiet",
    "open": "CALLS",
    "acknowledged": "acknowledged",
    "shelved": "shelved",
    "maintenance": "maintenance",
}


@click.group(
    epilog="\b\nExamples:\n  edge-agent alarm list\n  edge-agent alarm shelve pump-1 --for 8h"
)
def alarm() -> None:
    """See who calls, and say that somebody looks after it, was wrong, or works on the machine."""


@alarm.command("list", epilog="\b\nExample:\n  edge-agent alarm list pump-1 --json")
@CONFIG
@click.argument("asset", required=False)
@JSON
def list_command(config: Path, asset: str | None, *, as_json: bool) -> int:
    """Show how the alarms of ASSET, or of all, stand."""
    from edge_agent.daemon.commands.requests import Alarms

    data = _asked(config, lambda i, by: Alarms(id=i, by=by, asset=asset))
    if isinstance(data, int):
        return data
    if as_json:
        print_json(data["assets"])
    else:
        print_table(_HEAD, [_row(one) for one in data["assets"]])
    return exit_codes.OK


@alarm.command("log", epilog="\b\nExample:\n  edge-agent alarm log pump-1 --last 20")
@CONFIG
@click.argument("asset", required=False)
@click.option("--last", type=click.IntRange(1, 200), default=50, show_default=True)
@JSON
def log_command(config: Path, asset: str | None, last: int, *, as_json: bool) -> int:
    """Show who asked for what and what became of alarms, the newest last."""
    from edge_agent.daemon.commands.requests import Log

    data = _asked(config, lambda i, by: Log(id=i, by=by, asset=asset, last=last))
    if isinstance(data, int):
        return data
    if as_json:
        print_json(data["lines"])
    else:
        for line in data["lines"]:
            click.echo(_log_line(line))
    return exit_codes.OK


@alarm.command(epilog='\b\nExample:\n  edge-agent alarm ack pump-1 --note "on my way"')
@CONFIG
@click.argument("asset")
@click.option("--anomaly", "anomaly_id", help="Its id; where not given, the open one.")
@_NOTE
@JSON
def ack(
    config: Path, asset: str, anomaly_id: str | None, note: str | None, *, as_json: bool
) -> int:
    """Take note of the open anomaly of ASSET: it calls again where it gets twice as bad."""
    from edge_agent.daemon.commands.requests import Acknowledge

    return _change(
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
    from edge_agent.daemon.commands.requests import Shelve

    return _change(
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
    from edge_agent.daemon.commands.requests import Unshelve

    return _change(
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
    from edge_agent.daemon.commands.requests import Maintain

    return _change(
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
    from edge_agent.daemon.commands.requests import Resume

    return _change(
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
    from edge_agent.daemon.commands.requests import Confirm

    return _change(
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
    from edge_agent.daemon.commands.requests import Reject

    return _change(
        config,
        lambda i, by: Reject(id=i, by=by, asset=asset, anomaly_id=anomaly_id, note=note),
        as_json=as_json,
    )


def _asked(config: Path, make: "Callable[[str, str], AnyCommand]") -> dict[str, Any] | int:
    answer = answer_of_running(config, make)
    return answer if isinstance(answer, int) else answer.data


def _change(config: Path, make: "Callable[[str, str], AnyCommand]", *, as_json: bool) -> int:
    data = _asked(config, make)
    if isinstance(data, int):
        return data
    if as_json:
        print_json(data)
    else:
        print_table(_HEAD, [_row(data["alarm"])])
    return exit_codes.OK


_HEAD = ("asset", "state", "level", "severity", "since", "data", "")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    anomaly = one["anomaly"] or {}
    is_open = bool(anomaly) and anomaly["closed"] is None
    return (
        one["asset"],
        _WORDS[one["state"]],
        one["level"] or "-",
        f"{anomaly['severity']:.2f}" if is_open else "-",
        anomaly["opened"][:19].replace("T", " ") if is_open else "-",
        one["data"],
        "; ".join(_remarks(one, anomaly)),
    )


def _remarks(one: dict[str, Any], anomaly: dict[str, Any]) -> list[str]:
    said = []
    for name in ("acknowledged", "shelved", "maintenance"):
        deed = one[name]
        if deed is not None:
            until = f" until {deed['until'][:19].replace('T', ' ')}" if deed["until"] else ""
            note = f": {deed['note']}" if deed["note"] else ""
            said.append(f"{name} by {deed['by']}{until}{note}")
    if one["silenced"]:
        said.append(f"nobody was called {one['silenced']} times")
    if one["group"]:
        said.append(f"group {one['group']}")
    if anomaly.get("label"):
        said.append(f"{anomaly['label']}: anomaly {anomaly['number']}")
    if one["reason"]:
        said.append(one["reason"])
    return said


def _log_line(line: dict[str, Any]) -> str:
    said = [line["at"][:19].replace("T", " "), line.get("asset") or "-", line["what"]]
    if line.get("by"):
        said.append(f"by {line['by']} ({line['via']})")
    answer = line.get("answer")
    if answer is not None and answer["result"] == "refused":
        said.append(f"refused: {answer['reason']}")
    note = line.get("note") or (line.get("command") or {}).get("note")
    return "  ".join(said) + (f": {note}" if note else "")
