"""``edge-trainer train --general``: one network for many machines."""

import os
from pathlib import Path
from typing import Any

import click

from edge_agent.disk import replace_file
from trainer.cli.output import print_json
from trainer.cli.reading import read
from trainer.cli.requirements import require_trainer, require_within
from trainer.cli.tables import left_out_text
from trainer.confirmed import kept_out
from trainer.failures import Failure, failures
from trainer.progress import epoch_progress, show_stage
from trainer.recipe import load_recipe


def require_none_of_one_machine(
    given: dict[str, Any], report: Path | None, published: tuple[str, ...]
) -> None:
    """Refuse what goes with one machine only, and take it out of ``given``. Raises Failure."""
    for option, said, why in (
        ("--report", report is not None, "a general bundle has no machine to report on"),
        ("--published", bool(published), "no general system was published"),
        ("--mc-dropout", given.pop("mc_dropout") is not None, "no general network was published"),
        ("--detector", given.pop("detector") != "network", "only a network can be general"),
        ("--labels", given.pop("labels") is not None, "a general bundle has no machine to judge"),
        ("--label-key", given.pop("label_key") is not None, "a general bundle has no labels"),
        ("--confirmed", given.pop("confirmed") is not None, "each store has the labels of its own"),
        ("--budget", given.pop("budget") is not None, "a general bundle has no thresholds yet"),
    ):
        if said:
            raise Failure(f"{option}: {why}", os.EX_USAGE)


def train_general(
    assets: list[tuple[Path, tuple[int, int]]],
    out: Path,
    name: str,
    version: str,
    *,
    seed: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Train on every one of ``assets`` and write a general bundle. Raises Failure."""
    from trainer.fit import FitError
    from trainer.general import Asset, GeneralOrder
    from trainer.general import train_general as run_training
    from trainer.measure import GoldenHistoryError
    from trainer.quantize import ExportError, GateError

    with failures(FitError, ExportError, GateError, GoldenHistoryError):
        recipe, found = load_recipe(given["recipe_name"]), list[Asset]()
        require_trainer(recipe)
        for path, healthy in assets:
            _, recording, series = read(data=path, **given)
            require_within(recording, series, healthy)
            found.append(Asset(path.name, series, healthy, kept_out(path, series)))
        seed = recipe.seed if seed is None else seed
        with epoch_progress() as progress:
            order = GeneralOrder(recipe, name, version, seed)
            trained = run_training(order, found, progress, show_stage)
        replace_file(out, trained.bundle)
    if as_json:
        print_json(trained.findings)
        return
    findings = trained.findings
    click.echo(f"{out}: {name} {version}, general, {len(trained.bundle)} bytes")
    click.echo(f"features: {', '.join(findings.features)}")
    click.echo(f"left out, as some channels lack them: {', '.join(findings.left_out) or 'none'}")
    for position in findings.positions:
        first = "none" if position.first_alarm is None else f"in window {position.first_alarm}"
        but = left_out_text(position.confirmed_left_out)
        click.echo(
            f"{position.asset} {position.channel}: {position.windows} healthy windows,"
            f" {position.alarms_in_healthy} alarms in them{but};"
            f" first alarm after them: {first}"
        )
