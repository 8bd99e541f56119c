"""``edge-trainer train``."""

from pathlib import Path
from typing import Any

import click

from edge_agent.calibration.series import DataError
from trainer.cli.output import print_json
from trainer.cli.reading import read
from trainer.cli.requirements import require_folder, require_identity, require_trainer
from trainer.failures import failures
from trainer.options import HealthyRange, recording_options
from trainer.progress import epoch_progress, show_stage
from trainer.recipe import load_recipe
from trainer.whole_file import write_whole


@click.command(
    epilog="\b\nExample:\n"
    "  edge-trainer train --data recordings/pump-1 --healthy 0:400 --out pump-1.edgemodel"
)
@recording_options
@click.option(
    "--healthy",
    type=HealthyRange(),
    required=True,
    help="Windows that are known to be healthy, from 0, half open.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Bundle to write."
)
@click.option("--name", help="Name of the bundle; the file's stem by default.")
@click.option("--version", "bundle_version", default="0.1.0", show_default=True, help="SemVer.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    help="Of all random numbers; the recipe's by default.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report, HTML, to this file too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
def train(
    *,
    healthy: tuple[int, int],
    out: Path,
    name: str | None,
    bundle_version: str,
    seed: int | None,
    report: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Train on the healthy part of a recording and write a bundle."""
    from trainer.fit import FitError
    from trainer.measure import GoldenHistoryError
    from trainer.quantize import ExportError, GateError
    from trainer.train import Order
    from trainer.train import train as run_training

    name = out.stem if name is None else name
    require_identity(name, bundle_version)
    require_folder(out, report)
    with failures(FitError, ExportError, GateError, GoldenHistoryError):
        require_trainer(load_recipe(given["recipe_name"]))
        recipe, recording, series = read(**given)
        if healthy[1] > len(series.vectors):
            raise DataError(
                f"{recording.path}: --healthy is {healthy[0]}:{healthy[1]},"
                f" allowed: within 0:{len(series.vectors)}, its windows"
            )
        seed = recipe.seed if seed is None else seed
        order = Order(recipe, healthy, name, bundle_version, seed)
        with epoch_progress() as progress:
            trained = run_training(order, recording, series, progress, show_stage)
        write_whole(out, trained.bundle)
        if report is not None:
            write_whole(report, trained.report)
    if as_json:
        print_json(trained.evaluation)
        return
    found = trained.evaluation.verdicts["all"]
    first = "none" if found.first_alarm is None else f"in window {found.first_alarm}"
    click.echo(f"{out}: {order.name} {order.version}, {len(trained.bundle)} bytes")
    click.echo(f"healthy part {healthy[0]}:{healthy[1]}: {found.alarms_in_healthy} alarms")
    click.echo(f"first alarm after it: {first}, of {trained.evaluation.windows} windows")
