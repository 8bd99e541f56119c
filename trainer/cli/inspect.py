"""``edge-trainer inspect``."""

from pathlib import Path

import click

from edge_agent.bundle import Bundle
from edge_agent.calibration.rate import budget_text
from edge_agent.calibration.series import DataError
from edge_agent.disk import replace_file
from trainer.cli.output import print_json
from trainer.failures import failures


@click.command(epilog="\b\nExample:\n  edge-trainer inspect pump-1.edgemodel")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the bundle's report, HTML, to this file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def inspect(bundle: Path, report: Path | None, *, as_json: bool) -> None:
    """Show what is in a bundle."""
    with failures():
        found = Bundle.read(bundle)
        if report is not None:
            if found.report is None:
                raise DataError(f"{bundle}: holds no report")
            replace_file(report, found.report)
    if as_json:
        print_json(found.manifest)
        return
    manifest, flow = found.manifest, found.manifest.flow
    rate = "-" if flow.input.rate_hz is None else f"{flow.input.rate_hz:g} Hz"
    taken_over = manifest.training.input_of
    rows = {
        "bundle": f"{manifest.name} {manifest.version}, made {manifest.created}",
        "sha256": found.sha256,
        "recipe": f"{manifest.training.recipe}, seed {manifest.training.seed}",
        "healthy": f"{manifest.training.windows} windows of"
        f" {manifest.training.healthy[0]}:{manifest.training.healthy[1]}",
        **({} if taken_over is None else {"input of": taken_over}),
        "input": f"{flow.input.kind}: {', '.join(flow.input.channels)}; {rate};"
        f" unit {flow.input.unit or '-'}; window {flow.input.length}, hop {flow.input.hop}",
        "features": f"{len(flow.feature_names)}: {', '.join(flow.feature_names)}",
        "network": f"{flow.model.form} {flow.model.family}, {flow.model.quantization},"
        f" {len(found.model)} bytes"
        if found.model is not None
        else f"no network, family {flow.model.family}",
        "threshold": f"{flow.threshold.value:.4g} ({flow.threshold.method})",
        **({} if flow.budget is None else {"false alarms": budget_text(flow.budget)}),
        **{name: str(value) for name, value in manifest.metrics.items()},
    }
    for key, value in rows.items():
        click.echo(f"{key:<18} {value}")
