"""``edge-agent trial``: let another bundle score beside the one that judges."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.commanding import answer_of_running
from edge_agent.cli.output import print_json

if TYPE_CHECKING:
    from edge_agent.daemon.commands.requests import Answer
    from edge_agent.daemon.trial.report import TrialReport
    from edge_agent.daemon.trial.tally import Figures


def start_command(
    config: Path, asset: str, bundle: Path, windows: int | None, *, as_json: bool
) -> int:
    """Begin a trial; return the exit code."""
    from edge_agent.daemon.commands.requests import Trial

    file = str(bundle.absolute())
    answer = answer_of_running(
        config,
        lambda number, by: Trial(
            id=number, by=by, asset=asset, action="start", bundle=file, windows=windows
        ),
    )
    if isinstance(answer, int):
        return answer
    report = _report(answer)
    if as_json:
        print_json(report)
    else:
        click.echo(
            f"{asset}: trial of {file} begins: first the recorded past, then {report.wanted} live"
            f" windows; edge-agent trial status {asset} says how it goes"
        )
    return exit_codes.OK


def status_command(config: Path, asset: str, *, as_json: bool) -> int:
    """Show how a trial goes; return the exit code, which tells the verdict."""
    from edge_agent.daemon.commands.requests import TrialStatus

    answer = answer_of_running(
        config, lambda number, by: TrialStatus(id=number, by=by, asset=asset)
    )
    if isinstance(answer, int):
        return answer
    report = _shown(answer, as_json=as_json)
    if report.phase != "done" or report.verdict == "inconclusive":
        return exit_codes.TRY_AGAIN
    return exit_codes.OK if report.verdict == "good" else exit_codes.BAD_DATA


def stop_command(config: Path, asset: str, *, as_json: bool) -> int:
    """End a trial and forget it; return the exit code."""
    from edge_agent.daemon.commands.requests import Trial

    answer = answer_of_running(
        config, lambda number, by: Trial(id=number, by=by, asset=asset, action="stop")
    )
    if isinstance(answer, int):
        return answer
    _shown(answer, as_json=as_json)
    if not as_json:
        click.echo("stopped and forgotten")
    return exit_codes.OK


def _shown(answer: "Answer", *, as_json: bool) -> "TrialReport":
    report = _report(answer)
    if as_json:
        print_json(report)
    else:
        _print(report)
    return report


def _report(answer: "Answer") -> "TrialReport":
    import msgspec

    from edge_agent.daemon.trial.report import TrialReport

    return msgspec.convert(answer.data["trial"], TrialReport)


def _print(report: "TrialReport") -> None:
    name = f"{report.model or 'unknown'} ({report.bundle})"
    click.echo(f"{report.asset}: {report.verdict.upper()}, {report.phase}: {name}")
    for reason in report.reasons:
        click.echo(f"  {reason}")
    click.echo()
    if report.past is not None:
        click.echo(f"recorded past: {_figures(report.past)}")
    click.echo(f"live:          {_figures(report.live)}, {report.wanted} wanted")
    if report.costs is not None:
        now, then = report.costs.incumbent, report.costs.candidate
        click.echo(
            f"costs:         {then.p50_ms:.2f} ms a window (99th percentile {then.p99_ms:.2f}),"
            f" {then.memory_mb:.1f} MB; before {now.p50_ms:.2f} ms ({now.p99_ms:.2f}),"
            f" {now.memory_mb:.1f} MB"
        )


def _figures(found: "Figures") -> str:
    def number(value: float | None) -> str:
        return "unknown" if value is None else f"{value:.2f}"

    return (
        f"{found.windows} windows; anomalies {found.candidate_anomalies}, before"
        f" {found.incumbent_anomalies} ({found.extra} new, {found.missed} missed); shift"
        f" {number(found.shift)}, tail {number(found.tail)}, rank {number(found.rank)}"
    )
