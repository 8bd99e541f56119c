"""``edge-agent status``: first what is wrong, then the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.duration import duration_text
from edge_agent.cli.output import print_json, print_table
from edge_agent.cli.running import report_of_running

if TYPE_CHECKING:
    from edge_agent.daemon.ledger import WindowCounts
    from edge_agent.daemon.report import AgentReport, AssetReport, BudgetReport
    from edge_agent.daemon.update.report import UpdateReport

_NAMED = 3
_FULL = 0.8  # of the outbox: from there on messages will soon have to go


def status_command(config: Path, *, as_json: bool) -> int:
    """Show how the running agent is; return the exit code."""
    report = report_of_running(config)
    if isinstance(report, int):
        return report
    if as_json:
        print_json(report)
    else:
        _print(report)
    return exit_codes.OK


def _print(report: "AgentReport") -> None:
    alarms, troubles = list(alarms_of(report)), list(troubles_of(report))
    n = len(report.assets)
    if not alarms and not troubles:
        unjudged = [one.name for one in report.assets if one.state == "commissioning"]
        found = "nothing is wrong" if unjudged else "all is well"
        but = f", but nothing judges {', '.join(unjudged)} yet" if unjudged else ""
        click.echo(f"{report.gateway}: {found} with {n} asset{'' if n == 1 else 's'}{but}")
    for text in alarms:
        click.echo(text)
    for text in troubles:
        click.echo(f"TROUBLE  {text}")
    click.echo()
    counts = {asset.asset: asset.windows for asset in report.ledger.assets}
    print_table(
        (
            *("asset", "state", "alarm", "score", "threshold", "last block", "windows", "scored"),
            *("false alarms", "model"),
        ),
        [_row(asset, counts.get(asset.name)) for asset in report.assets],
    )
    click.echo()
    for line in _facts(report):
        click.echo(line)


def alarms_of(report: "AgentReport") -> Iterator[str]:
    """Yield a sentence for each anomaly that is open, the worst first."""
    opened = [(asset, asset.open) for asset in report.assets if asset.open is not None]
    for asset, anomaly in sorted(opened, key=lambda pair: -pair[1].severity):
        named = ", ".join(f"{s.name} {s.share:.0%}" for s in anomaly.features[:_NAMED])
        mostly = f", mostly {named}" if named else ""
        level = (asset.standing.level or "alarm").upper()
        yield (
            f"{level:<8} {asset.name} since {anomaly.opened[:19]}Z: severity"
            f" {anomaly.severity:.2f}, detector {anomaly.detector}{mostly}{_handled(asset)}"
        )


def _handled(asset: "AssetReport") -> str:
    """Say who looks after an anomaly, or why nobody is called."""
    standing = asset.standing
    deeds = {
        "acknowledged": standing.acknowledged,
        "shelved": standing.shelved,
        "in maintenance": standing.maintenance,
    }
    said = [f"; {what} by {deed.by}" for what, deed in deeds.items() if deed is not None]
    return "".join(said) + (f"; group {standing.group}" if standing.group else "")


def troubles_of(report: "AgentReport") -> Iterator[str]:
    """Yield a sentence for everything that keeps the agent from doing all of its work."""
    yield from _troubles_of_assets(report)
    mqtt, outbox = report.mqtt, report.outbox
    if not mqtt.connected:
        since = duration_text(mqtt.for_s)
        yield f"no connection to {mqtt.broker} for {since}: {mqtt.error or 'not tried yet'}"
    if mqtt.commands.problem is not None:
        yield f"no commands over MQTT: the broker refused: {mqtt.commands.problem}"
    if mqtt.refusal is not None:
        yield f"the broker refused {mqtt.refused} messages, the last on {mqtt.refusal}"
    if outbox.problem is not None:
        where = "on the disk again" if outbox.durable else "in memory only"
        yield f"outbox: {outbox.problem}; messages wait {where}"
    if outbox.max_bytes and outbox.bytes > _FULL * outbox.max_bytes:
        yield f"outbox: {outbox.bytes / outbox.max_bytes:.0%} full"
    if report.time_quality == "unsynchronised":
        yield "the clock follows no time server"
    if report.reload is not None and not report.reload.accepted:
        problems = "; ".join(report.reload.problems)
        yield f"the configuration read at {report.reload.at[:19]}Z was refused: {problems}"
    update = report.update
    if update is not None:
        if update.state in {"rejected", "rolled_back", "failed"}:
            yield f"update: {update.state.replace('_', ' ')}: {update.reason}"
        yield from (f"update: {said}" for said in (update.problem, *update.warnings) if said)


def _troubles_of_assets(report: "AgentReport") -> Iterator[str]:
    for asset in report.assets:
        if asset.state in {"failed", "no_data", "left_out", "sensor_fault"}:
            restarts = f"; {asset.restarts} restarts" if asset.restarts else ""
            yield f"{asset.name}: {asset.state.replace('_', ' ')}: {asset.reason}{restarts}"
        progress, recorder = asset.commissioning, asset.recorder
        if progress is not None and progress.refused is not None:
            yield f"{asset.name}: not commissioned: {progress.refused}"
        if recorder is not None and recorder.problem is not None:
            yield f"{asset.name}: nothing is remembered: {recorder.problem}"
        if asset.last_reason == "regime":
            yield f"{asset.name}: not judged, as nothing was learned there: {asset.last_detail}"


def _facts(report: "AgentReport") -> Iterator[str]:
    mqtt = report.mqtt
    link = "not connected"
    if mqtt.connected:
        link = f"connected for {duration_text(mqtt.for_s)}, MQTT {mqtt.protocol}"
    yield f"broker   {mqtt.broker}: {link}; connections so far: {mqtt.connections}"
    yield f"outbox   {_outbox(report)}"
    step = report.clock_stepped
    stepped = (
        f"; set by {step.by_s:g} s at {step.at[:19]}Z, steps so far: {step.count}" if step else ""
    )
    yield f"clock    {report.time_quality}{stepped}"
    yield from _memories(report)
    for trial in report.trials:
        phase = "" if trial.phase == "done" else f", {trial.phase}"
        said = f"{trial.asset}: {trial.model or trial.bundle}: {trial.verdict}{phase}"
        yield f"trial    {said}: {'; '.join(trial.reasons)}"
    if report.update is not None and (report.update.enrolled or report.update.state != "idle"):
        yield f"update   {_update(report.update)}"
    process = report.process
    yield (
        f"process  {report.pid}, up {duration_text(report.uptime_s)},"
        f" {process.resident_bytes / 1e6:.0f} MB, {process.threads} threads,"
        f" {process.open_files} files; metrics {report.metrics or 'off'}"
    )
    version = report.versions.get("edge-agent", "unknown")
    yield f"agent    edge-agent {version}, gateway {report.gateway}, as of {report.written[:19]}Z"


def _update(update: "UpdateReport") -> str:
    """Say how the last update stands, and what it is about."""
    said = update.state.replace("_", " ") if update.enrolled else f"not enrolled, {update.state}"
    if update.models:
        said += f": {', '.join(update.models)}"
    if update.rollout is not None:
        said += f", rollout {update.rollout}"
    if update.state == "active" and update.held_s is not None and update.hold_s:
        share = f"{duration_text(update.held_s)} of {duration_text(update.hold_s)}"
        said += ", held" if update.held_s >= update.hold_s else f", held for {share}"
    return f"{said}; {update.waiting}" if update.waiting else said


def _memories(report: "AgentReport") -> Iterator[str]:
    """Say how far back the machines are remembered, and which of them are still being learned."""
    reaches = [asset.recorder for asset in report.assets if asset.recorder is not None]
    since = [reach.since for reach in reaches if reach.since is not None]
    if since:
        size = sum(reach.bytes for reach in reaches) / 1e6
        yield f"recorder {size:.1f} MB; goes back to {min(since)[:19]}Z at the longest"
    for asset in report.assets:
        progress = asset.commissioning
        if progress is not None and progress.refused is None:
            so_far = f"{progress.windows} of {progress.wanted} windows"
            yield f"learning {asset.name}: {'computing' if progress.computing else so_far}"


def _outbox(report: "AgentReport") -> str:
    total, outbox = report.ledger.total(), report.outbox
    gone = {
        "evicted": total.evicted,
        "expired": total.expired,
        "refused": total.refused,
        "lost": total.lost,
    }
    said = ", ".join(f"{count} {what}" for what, count in gone.items() if count) or "none missing"
    where = "on the disk" if outbox.durable else "in memory"
    return (
        f"{total.pending} waiting {where}, {outbox.bytes / 1e6:.1f} of"
        f" {outbox.max_bytes / 1e6:.0f} MB; of {total.queued} since"
        f" {report.ledger.since[:10] or 'now'}: {said}"
    )


def _row(asset: "AssetReport", counts: "WindowCounts | None") -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.4g}"

    quiet = f" ({asset.last_reason})" if asset.state == "running" and asset.last_reason else ""
    sampled, scored = (counts.sampled, counts.scored) if counts else (0, 0)
    age = "-" if asset.block_age_s is None else f"{duration_text(asset.block_age_s)} ago"
    return (
        asset.name,
        asset.state.replace("_", " ") + quiet,
        _alarm(asset),
        number(asset.score),
        "-" if asset.state == "commissioning" else number(asset.threshold),
        age,
        str(sampled),
        f"{scored / sampled:.1%}" if sampled else "-",
        _false_alarms(asset.budget),
        _model(asset, counts),
    )


def _alarm(asset: "AssetReport") -> str:
    """Show in capitals what somebody is to be called for."""
    standing = asset.standing
    if standing.state == "open":
        return (standing.level or "alarm").upper()
    return "-" if standing.state == "quiet" else standing.state


def _model(asset: "AssetReport", counts: "WindowCounts | None") -> str:
    """Name what judges; where something else did before, with the share of windows it scored."""
    name = asset.model or "-"
    if counts is None or asset.model_id is None or not counts.models:
        return name
    own = counts.models.get(asset.model_id, 0)
    return name if own == counts.scored else f"{name} (the last {own} of {counts.scored})"


def _false_alarms(budget: "BudgetReport | None") -> str:
    from edge_agent.calibration.rate import rate_text

    if budget is None:
        return "unknown"
    rates = [rate_text(rate) for rate in (budget.expected, budget.low, budget.high)]
    return f"{rates[0]} ({rates[1]} to {rates[2]})"
