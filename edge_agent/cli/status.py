"""``edge-agent status``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json, print_table

if TYPE_CHECKING:
    from edge_agent.daemon.report import AgentReport, AssetReport, BudgetReport


def status_command(config: Path, *, as_json: bool) -> int:
    """Show how the running agent is; return the exit code."""
    from edge_agent.daemon.config import load_config
    from edge_agent.daemon.problems import ConfigError
    from edge_agent.daemon.status import NotRunningError, read_report

    try:
        settings = load_config(config)
        report = read_report(settings.gateway, Path(settings.state_dir))
    except ConfigError as error:
        for problem in error.problems:
            print_error(str(problem))
        return exit_codes.CONFIGURATION
    except NotRunningError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    if as_json:
        print_json(report)
    else:
        _print(report)
    return exit_codes.OK


def _print(report: "AgentReport") -> None:
    mqtt = report.mqtt
    link = f"connected, MQTT {mqtt.protocol}" if mqtt.connected else f"not connected: {mqtt.error}"
    click.echo(f"gateway {report.gateway}, process {report.pid}, since {report.started}")
    click.echo(f"broker {mqtt.broker}: {link}")
    click.echo(f"outbox: {_outbox(report)}")
    if mqtt.refusal is not None:
        click.echo(f"the broker refused {mqtt.refused} messages, the last on {mqtt.refusal}")
    print_table(
        (
            "asset",
            "state",
            "alarm",
            "score",
            "threshold",
            "windows",
            "scored",
            "model",
            "false alarms",
            "reason",
        ),
        [_row(asset) for asset in report.assets],
    )
    click.echo(f"as of {report.written}")


def _outbox(report: "AgentReport") -> str:
    total = report.ledger.total()
    gone = {
        "evicted": total.evicted,
        "expired": total.expired,
        "refused": total.refused,
        "lost": total.lost,
    }
    said = ", ".join(f"{count} {what}" for what, count in gone.items() if count) or "none missing"
    where = "on the disk" if report.outbox.durable else "in memory"
    because = f" ({report.outbox.problem})" if report.outbox.problem else ""
    return f"{total.pending} waiting {where}{because}; since {report.ledger.since}: {said}"


def _row(asset: "AssetReport") -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.4g}"

    return (
        asset.name,
        asset.state,
        "ALARM" if asset.anomaly else "-",
        number(asset.score),
        number(asset.threshold),
        str(asset.windows),
        str(asset.scored),
        asset.model or "-",
        _false_alarms(asset.budget),
        asset.reason or "",
    )


def _false_alarms(budget: "BudgetReport | None") -> str:
    from edge_agent.calibration.rate import rate_text

    if budget is None:
        return "unknown"
    rates = [rate_text(rate) for rate in (budget.expected, budget.low, budget.high)]
    return f"{rates[0]} ({rates[1]} to {rates[2]})"
