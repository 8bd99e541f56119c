"""``edge-agent alarm``: what the running agent answers, shown."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.commanding import answer_of_running
from edge_agent.cli.duration import duration_text
from edge_agent.cli.output import print_json, print_table

if TYPE_CHECKING:
    from edge_agent.daemon.commands.requests import AnyCommand

_WORDS = {
    "quiet": "quiet",
    "open": "CALLS",
    "acknowledged": "acknowledged",
    "shelved": "shelved",
    "maintenance": "maintenance",
}
_HEAD = ("asset", "state", "level", "severity", "since", "anomaly", "data", "")


def list_command(config: Path, asset: str | None, *, as_json: bool) -> int:
    """Show how alarms stand; return the exit code."""
    from edge_agent.daemon.commands.requests import Alarms

    data = _asked(config, lambda i, by: Alarms(id=i, by=by, asset=asset))
    if isinstance(data, int):
        return data
    if as_json:
        print_json(data["assets"])
    else:
        print_table(_HEAD, [_row(one) for one in data["assets"]])
    return exit_codes.OK


def log_command(config: Path, asset: str | None, last: int, *, as_json: bool) -> int:
    """Show the audit's last lines; return the exit code."""
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


def _asked(config: Path, make: "Callable[[str, str], AnyCommand]") -> dict[str, Any] | int:
    answer = answer_of_running(config, make)
    return answer if isinstance(answer, int) else answer.data


def change_command(config: Path, make: "Callable[[str, str], AnyCommand]", *, as_json: bool) -> int:
    """Have a change made and show how the asset's alarms stand then; return the exit code."""
    data = _asked(config, make)
    if isinstance(data, int):
        return data
    if as_json:
        print_json(data)
    else:
        print_table(_HEAD, [_row(data["alarm"])])
    return exit_codes.OK


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    anomaly = one["anomaly"] or {}
    is_open = bool(anomaly) and anomaly["closed"] is None
    return (
        one["asset"],
        _WORDS[one["state"]],
        one["level"] or "-",
        f"{anomaly['severity']:.2f}" if is_open else "-",
        _utc(anomaly["opened"]) if is_open else "-",
        anomaly["id"][:12] if is_open else "-",
        one["data"],
        "; ".join(_remarks(one, anomaly)),
    )


def _remarks(one: dict[str, Any], anomaly: dict[str, Any]) -> list[str]:
    said = []
    for name in ("acknowledged", "shelved", "maintenance"):
        deed = one[name]
        if deed is not None:
            until = f" until {_utc(deed['until'])}" if deed["until"] else ""
            note = f": {deed['note']}" if deed["note"] else ""
            said.append(f"{name} by {deed['by']}{until}{note}")
    if one["silenced"]:
        said.append(f"nobody was called {one['silenced']} times")
    if one["group"]:
        said.append(f"group {one['group']}")
    if anomaly.get("label"):
        said.append(f"{anomaly['label']}: anomaly {anomaly['number']} ({anomaly['id'][:12]})")
    if one["reason"]:
        said.append(one["reason"])
    return said


def _log_line(line: dict[str, Any]) -> str:
    command = line.get("command") or {}
    said = [_utc(line["at"]), line.get("asset") or "-", line["what"], *_details(command)]
    if line.get("by"):
        said.append(f"by {line['by']} ({line['via']})")
    answer = line.get("answer")
    if answer is not None and answer["result"] == "refused":
        said.append(f"refused: {answer['reason']}")
    note = line.get("note") or command.get("note")
    return "  ".join(said) + (f": {note}" if note else "")


def _details(command: dict[str, Any]) -> list[str]:
    """Say what of a command tells it from others of its kind."""
    said = [command[key] for key in ("action", "bundle", "fault") if command.get(key)]
    if command.get("for_s"):
        said.append(f"for {duration_text(command['for_s'])}")
    if command.get("windows"):
        said.append(f"{command['windows']} windows")
    return said


def _utc(moment: str) -> str:
    return f"{moment[:19].replace('T', ' ')} UTC"
