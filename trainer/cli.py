"""edge-trainer: from recordings to bundles."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import msgspec

from edge_agent import __version__
from edge_agent.bundle import Bundle, BundleError
from edge_agent.plugin import FeatureError, PluginError
from edge_agent.recordings import Recording, RecordingError, RecordingOptions, open_recording
from trainer.data import DataError, Series, input_spec, read_series
from trainer.recipe import Recipe, RecipeError, load_recipe, recipe_names
from trainer.table import write_table

_BAD_DATA = (RecordingError, DataError, FeatureError, BundleError)


class Failure(Exception):  # noqa: N818 - it ends the command, it is not raised at anybody
    """Ends the command with a message and an exit code of sysexits.h."""

    def __init__(self, message: str, exit_code: int) -> None:
        """Carry both."""
        super().__init__(message)
        self.exit_code = exit_code


class HealthyRange(click.ParamType[tuple[int, int]]):
    """A:B, windows counted from 0, half open."""

    name = "A:B"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, int]:
        """Return (A, B)."""
        if isinstance(value, tuple):
            return value
        first, colon, last = str(value).partition(":")
        if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
            self.fail(f"{value!r} found, allowed: A:B with whole numbers and A below B", param, ctx)
        return int(first), int(last)


def recording_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what a recording's format may not say."""
    for option in (
        click.option(
            "--decimate",
            type=click.IntRange(1, 1000),
            default=1,
            show_default=True,
            help="Keep every n-th sample after an anti-aliasing filter.",
        ),
        click.option("--unit", help="Unit of the samples, such as g or m/s2."),
        click.option("--hop", type=click.IntRange(1), help="Samples from window to window."),
        click.option("--window", type=click.IntRange(1), help="Samples per window."),
        click.option("--rate-hz", type=float, help="Samples per second and channel."),
        click.option(
            "--channels",
            multiple=True,
            metavar="NAME",
            help="Channel to take, by name or number; repeatable. All by default.",
        ),
        click.option(
            "--data",
            type=click.Path(path_type=Path),
            required=True,
            help="Recording: a file or a folder.",
        ),
        click.option(
            "--recipe",
            "recipe_name",
            default="default",
            show_default=True,
            help="Name of a recipe, or a recipe file.",
        ),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Make bundles from recordings of healthy machines."""


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def recipes(*, as_json: bool) -> None:
    r"""List the recipes.

    \b
    Example:
        edge-trainer recipes
    """
    found = [load_recipe(name) for name in recipe_names()]
    if as_json:
        _print_json(found)
        return
    for recipe in found:
        click.echo(f"{recipe.name:<12} {recipe.summary}")
        click.echo(f"{'':<12} {recipe.source}")


@cli.command()
@recording_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Feature table to write, CSV.",
)
def features(out: Path, **given: Any) -> None:
    r"""Compute the features of every window and write them as a table.

    \b
    Example:
        edge-trainer features --data recordings/pump-1 --out pump-1.csv
    """
    with _failures():
        _, _, series = _read(**given)
        write_table(out, series)
    click.echo(f"{out}: {len(series.vectors)} windows of {len(series.names)} features", err=True)


@cli.command()
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
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
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
    seed: int,
    report: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    r"""Train on the healthy part of a recording and write a bundle.

    \b
    Example:
        edge-trainer train --data recordings/pump-1 --healthy 0:400 --out pump-1.edgemodel
    """
    _require_trainer()
    from trainer.fit import FitError
    from trainer.measure import GoldenHistoryError
    from trainer.quantize import ExportError, GateError
    from trainer.train import Order
    from trainer.train import train as run_training

    with _failures(FitError, ExportError, GateError, GoldenHistoryError):
        recipe, recording, series = _read(**given)
        order = Order(recipe, healthy, name or out.stem, bundle_version, seed)
        with _epochs() as progress:
            trained = run_training(order, recording, series, progress)
        _write(out, trained.bundle)
        if report is not None:
            _write(report, trained.report)
    if as_json:
        _print_json(trained.evaluation)
        return
    found = trained.evaluation.verdicts["all"]
    first = "none" if found.first_alarm is None else f"in window {found.first_alarm}"
    click.echo(f"{out}: {order.name} {order.version}, {len(trained.bundle)} bytes")
    click.echo(f"healthy part {healthy[0]}:{healthy[1]}: {found.alarms_in_healthy} alarms")
    click.echo(f"first alarm after it: {first}, of {trained.evaluation.windows} windows")


@cli.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the bundle's report, HTML, to this file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def inspect(bundle: Path, report: Path | None, *, as_json: bool) -> None:
    r"""Show what is in a bundle.

    \b
    Example:
        edge-trainer inspect pump-1.edgemodel
    """
    with _failures():
        read = Bundle.read(bundle)
        if report is not None:
            if read.report is None:
                raise DataError(f"{bundle}: holds no report")
            _write(report, read.report)
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
    with _bar("features") as update:
        return recipe, recording, read_series(recording, recipe, spec, update)


@contextmanager
def _failures(*more: type[Exception]) -> Iterator[None]:
    bad_data: tuple[type[Exception], ...] = (*_BAD_DATA, *more)
    try:
        yield
    except RecipeError as error:
        raise Failure(str(error), os.EX_USAGE) from error
    except PluginError as error:
        raise Failure(str(error), os.EX_UNAVAILABLE) from error
    except bad_data as error:
        raise Failure(str(error), os.EX_DATAERR) from error
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}", os.EX_CANTCREAT) from error


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show progress on a terminal, and only there."""
    shown = sys.stderr.isatty()

    def update(done: int, total: int | None) -> None:
        if shown and (done % 50 == 0 or done == total):
            click.echo(
                f"\r{label}: {done}{'' if total is None else f' of {total}'} windows",
                nl=False,
                err=True,
            )

    yield update
    if shown:
        click.echo(err=True)


@contextmanager
def _epochs() -> Iterator[Callable[[int, int, float, float | None], None]]:
    shown = sys.stderr.isatty()

    def update(epoch: int, epochs: int, loss: float, val_loss: float | None) -> None:
        if shown:
            held = "" if val_loss is None else f", validation {val_loss:.4f}"
            click.echo(f"\repoch {epoch} of {epochs}: loss {loss:.4f}{held}   ", nl=False, err=True)

    yield update
    if shown:
        click.echo(err=True)


def _require_trainer() -> None:
    missing = [name for name in ("tensorflow", "matplotlib", "jinja2") if find_spec(name) is None]
    if missing:
        raise Failure(
            f"training needs {', '.join(missing)}, which the extra 'trainer' holds:"
            " pip install 'edge-agent[trainer]'",
            os.EX_UNAVAILABLE,
        )


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
