"""edge-trainer: from recordings to bundles."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import msgspec

from edge_agent import __version__
from edge_agent.bundle import Bundle, identity_problem
from edge_agent.calibration.series import DataError, Series
from edge_agent.recordings import Recording, RecordingOptions, open_recording
from trainer.data import input_spec, read_series
from trainer.failures import Failure, failures
from trainer.options import HealthyRange, recording_options
from trainer.progress import epoch_progress, show_stage, window_progress
from trainer.recipe import Recipe, load_recipe, recipe_names
from trainer.table import write_table
from trainer.whole_file import write_whole


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Make bundles from recordings of healthy machines."""


@cli.command(epilog="\b\nExample:\n  edge-trainer recipes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def recipes(*, as_json: bool) -> None:
    """List the recipes."""
    found = [load_recipe(name) for name in recipe_names()]
    if as_json:
        _print_json(found)
        return
    for recipe in found:
        click.echo(f"{recipe.name:<12} {recipe.summary}")
        click.echo(f"{'':<12} {recipe.source}")


@cli.command(
    epilog="\b\nExample:\n  edge-trainer features --data recordings/pump-1 --out pump-1.csv"
)
@recording_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Feature table to write, CSV.",
)
def features(out: Path, **given: Any) -> None:
    """Compute the features of every window and write them as a table."""
    _require_folder(out)
    with failures():
        _, _, series = _read(**given)
        write_table(out, series)
    click.echo(f"{out}: {len(series.vectors)} windows of {len(series.names)} features", err=True)


@cli.command(
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
    _require_trainer()
    from trainer.fit import FitError
    from trainer.measure import GoldenHistoryError
    from trainer.quantize import ExportError, GateError
    from trainer.train import Order
    from trainer.train import train as run_training

    name = out.stem if name is None else name
    _require_identity(name, bundle_version)
    _require_folder(out, report)
    with failures(FitError, ExportError, GateError, GoldenHistoryError):
        recipe, recording, series = _read(**given)
        if healthy[1] > len(series.vectors):
            raise DataError(
                f"{recording.path}: --healthy is {healthy[0]}:{healthy[1]},"
                f" allowed: within 0:{len(series.vectors)}, its windows"
            )
        seed = recipe.fit.seed if seed is None else seed
        order = Order(recipe, healthy, name, bundle_version, seed)
        with epoch_progress() as progress:
            trained = run_training(order, recording, series, progress, show_stage)
        write_whole(out, trained.bundle)
        if report is not None:
            write_whole(report, trained.report)
    if as_json:
        _print_json(trained.evaluation)
        return
    found = trained.evaluation.verdicts["all"]
    first = "none" if found.first_alarm is None else f"in window {found.first_alarm}"
    click.echo(f"{out}: {order.name} {order.version}, {len(trained.bundle)} bytes")
    click.echo(f"healthy part {healthy[0]}:{healthy[1]}: {found.alarms_in_healthy} alarms")
    click.echo(f"first alarm after it: {first}, of {trained.evaluation.windows} windows")


@cli.command(epilog="\b\nExample:\n  edge-trainer inspect pump-1.edgemodel")
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
        read = Bundle.read(bundle)
        if report is not None:
            if read.report is None:
                raise DataError(f"{bundle}: holds no report")
            write_whole(report, read.report)
    if as_json:
        _print_json(read.manifest)
        return
    manifest, flow = read.manifest, read.manifest.flow
    rate = "-" if flow.input.rate_hz is None else f"{flow.input.rate_hz:g} Hz"
    rows = {
        "bundle": f"{manifest.name} {manifest.version}, made {manifest.created}",
        "sha256": read.sha256,
        "recipe": f"{manifest.training.recipe}, seed {manifest.training.seed}",
        "healthy": f"{manifest.training.windows} windows of"
        f" {manifest.training.healthy[0]}:{manifest.training.healthy[1]}",
        "input": f"{flow.input.kind}: {', '.join(flow.input.channels)}; {rate};"
        f" unit {flow.input.unit or '-'}; window {flow.input.length}, hop {flow.input.hop}",
        "features": f"{len(flow.feature_names)}: {', '.join(flow.feature_names)}",
        "network": f"{flow.model.form} {flow.model.family}, {flow.model.quantization},"
        f" {len(read.model)} bytes",
        "threshold": f"{flow.threshold.value:.4g} ({flow.threshold.method})",
        **{name: str(value) for name, value in manifest.metrics.items()},
    }
    for key, value in rows.items():
        click.echo(f"{key:<18} {value}")


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(os.EX_TEMPFAIL)
    except Failure as error:
        click.echo(f"edge-trainer: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(os.EX_USAGE)


def _read(
    *,
    recipe_name: str,
    data: Path,
    channels: tuple[str, ...],
    rate_hz: float | None,
    window: int | None,
    hop: int | None,
    unit: str | None,
    decimate: int,
) -> tuple[Recipe, Recording, Series]:
    recipe = load_recipe(recipe_name)
    options = RecordingOptions(channels=channels, rate_hz=rate_hz, unit=unit, decimate=decimate)
    recording = open_recording(data, options)
    spec = input_spec(recording, recipe, window, hop)
    with window_progress("features") as update:
        return recipe, recording, read_series(recording, recipe, spec, update)


def _require_trainer() -> None:
    missing = [name for name in ("tensorflow", "matplotlib", "jinja2") if find_spec(name) is None]
    if missing:
        raise Failure(
            f"training needs {', '.join(missing)}, which the extra 'trainer' holds:"
            " pip install 'edge-agent[trainer]'",
            os.EX_UNAVAILABLE,
        )


def _require_identity(name: str, version: str) -> None:
    problem = identity_problem(name, version)
    if problem is not None:
        raise Failure(f"the bundle's {problem}", os.EX_USAGE)


def _require_folder(*paths: Path | None) -> None:
    """Refuse before minutes of training what could not be written after them."""
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise Failure(f"{path}: there is no folder {path.parent}", os.EX_UNAVAILABLE)


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
