"""``edge-trainer train``."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edge_agent.calibration.rate import budget_text
from edge_agent.disk import replace_file
from trainer.cli.detector import detector_recipe
from trainer.cli.fleet import fleet_options
from trainer.cli.general import require_none_of_one_machine, train_general
from trainer.cli.output import print_json
from trainer.cli.reading import read_to_train
from trainer.cli.requirements import (
    require_dropout,
    require_file,
    require_folder,
    require_identity,
    require_labels,
    require_no_input,
    require_trainer,
    require_within,
)
from trainer.cli.tables import dropout_lines, left_out_text
from trainer.confirmed import kept_out
from trainer.failures import Failure, failures
from trainer.fleet import Asset as FleetAsset
from trainer.fleet import Job, training_jobs
from trainer.labels import LabelError, read_labels
from trainer.metrics import MetricError
from trainer.options import BudgetRate, HealthyRange, recipe_options
from trainer.progress import epoch_progress, show_stage
from trainer.recipe import load_recipe


def _fleet_jobs(assets: Sequence[FleetAsset], folder: Path) -> Sequence[Job]:
    jobs = training_jobs(assets, folder)
    for job in jobs:
        require_trainer(job.recipe)
    return jobs


@click.command(
    epilog="\b\nExample:\n"
    "  edge-trainer train --data recordings/pump-1 --healthy 0:400 --out pump-1.edgemodel\n"
    "  edge-trainer train --data features/gateway=gw-1/asset=pump-1 --healthy 0:1000 \\\n"
    "    --input-of pump-1.edgemodel --out pump-1-new.edgemodel\n"
    "  edge-trainer train --assets plant.toml --engine spark --out models"
)
@recipe_options
@click.option(
    "--healthy",
    type=HealthyRange(),
    multiple=True,
    help="Windows that are known to be healthy, from 0, half open; one for each --data.",
)
@click.option(
    "--confirmed",
    type=click.Path(path_type=Path, exists=True),
    metavar="LABELS",
    help="Labels that collect stored, a file or its folder: windows of faults that people confirmed"
    " are left out of --healthy, those of rejected ones stay. Where --data is a store, the labels"
    " beside its features by default.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Recording: a file or a folder; repeatable with --general.",
)
@click.option(
    "--input-of",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="BUNDLE",
    help="For collected features: the bundle that computed them. Its input and feature plugins are"
    " taken over, so that the new bundle runs on the same gateway.",
)
@click.option(
    "--general",
    is_flag=True,
    help="One network for every channel of all recordings, to be commissioned on machines that"
    " it has never seen.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Bundle to write; the folder for many assets.",
)
@click.option(
    "--budget",
    type=BudgetRate(),
    metavar="RATE",
    help="False alarms per asset that are acceptable, such as 1/month; the recipe's own"
    " thresholds by default.",
)
@click.option(
    "--detector",
    default="network",
    show_default=True,
    metavar="network|baseline|NAME",
    help="What ships: the recipe's own, the baseline that stands best on held-out healthy windows"
    " with faults put in, or the baseline of that name.",
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
@click.option(
    "--published",
    multiple=True,
    metavar="FAULT",
    help="Fault of the recipe's publication to switch on, to repeat its figures; repeatable.",
)
@click.option(
    "--mc-dropout",
    type=click.IntRange(10, 1000),
    metavar="PASSES",
    help="Run the network so many times on every window with its dropout in use, as some publish"
    " it, and report that score beside the one that ships. It takes minutes and changes nothing of"
    " the bundle.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Which rows are anomalous, as for evaluate: figures against them are reported. No"
    " threshold sees them but that of --published threshold_by_labels.",
)
@click.option("--label-key", metavar="KEY", help="Series in a JSON file of labels.")
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
@fleet_options(_fleet_jobs, "data", "healthy")
def train(
    *,
    data: tuple[Path, ...],
    healthy: tuple[tuple[int, int], ...],
    out: Path,
    name: str | None,
    bundle_version: str,
    report: Path | None,
    general: bool,
    published: tuple[str, ...],
    **given: Any,
) -> None:
    """Train on the healthy part of a recording and write a bundle."""
    identity = out.stem if name is None else name, bundle_version
    require_identity(*identity)
    require_file(out)
    require_folder(out, report)
    if len(data) != len(healthy):
        raise Failure(
            f"--data is given {len(data)} times and --healthy {len(healthy)} times, allowed: as"
            " many of each, in the same order",
            os.EX_USAGE,
        )
    if given["input_of"] is not None:
        require_no_input(click.get_current_context())
    if general:
        require_none_of_one_machine(given, report, published)
        train_general(list(zip(data, healthy, strict=True)), out, *identity, **given)
        return
    if len(data) > 1:
        raise Failure("--data is given more than once, allowed with --general only", os.EX_USAGE)
    _train_one(data[0], healthy[0], (out, report), identity, published, **given)


def _train_one(
    data: Path,
    healthy: tuple[int, int],
    files: tuple[Path, Path | None],
    identity: tuple[str, str],
    published: tuple[str, ...],
    *,
    budget: float | None,
    seed: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    from trainer.fit import FitError
    from trainer.measure import GoldenHistoryError
    from trainer.quantize import ExportError, GateError
    from trainer.train import Order
    from trainer.train import train as run_training

    out, report = files
    labels, label_key = given.pop("labels"), given.pop("label_key")
    mc_dropout, said = given.pop("mc_dropout"), given.pop("confirmed")
    with failures(FitError, ExportError, GateError, GoldenHistoryError, LabelError, MetricError):
        given["recipe_name"] = detector_recipe(
            given.pop("detector"), data=data, healthy=healthy, confirmed=said, **given
        )
        wanted = load_recipe(given["recipe_name"]).with_faults(published)
        require_trainer(wanted)
        require_labels(wanted, labels, label_key)
        if mc_dropout is not None:
            require_dropout(wanted)
        recipe, recording, series, origin = read_to_train(data=data, published=published, **given)
        require_within(recording, series, healthy)
        seed = recipe.seed if seed is None else seed
        flags = None if labels is None else read_labels(labels, recording, series, label_key)
        order = Order(
            recipe,
            healthy,
            *identity,
            seed,
            budget,
            origin,
            labels=flags,
            confirmed=kept_out(data, series, said),
            mc_dropout=mc_dropout,
        )
        with epoch_progress() as progress:
            trained = run_training(order, recording, series, progress, show_stage)
        replace_file(out, trained.bundle)
        if report is not None:
            replace_file(report, trained.report)
    if as_json:
        print_json(trained.evaluation)
        return
    found = trained.evaluation.verdicts["all"]
    first = "none" if found.first_alarm is None else f"in window {found.first_alarm}"
    click.echo(f"{out}: {order.name} {order.version}, {recipe.name}, {len(trained.bundle)} bytes")
    foreseen = trained.manifest.flow.budget
    if foreseen is not None:
        click.echo(f"false alarms: {budget_text(foreseen)}")
    but = left_out_text(trained.evaluation.confirmed_left_out)
    click.echo(f"healthy part {healthy[0]}:{healthy[1]}: {found.alarms_in_healthy} alarms{but}")
    click.echo(f"first alarm after it: {first}, of {trained.evaluation.windows} windows")
    for line in dropout_lines(trained.evaluation):
        click.echo(line)
