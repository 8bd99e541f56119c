"""``edge-trainer compare``."""

from pathlib import Path
from typing import Any

import click

from edge_agent.bundle.replay import ReplayError
from edge_agent.recordings import open_recording
from trainer.cli.output import print_json
from trainer.cli.reading import format_of, known_of
from trainer.cli.requirements import require_trainer
from trainer.cli.tables import comparison_lines
from trainer.compare import Arena, compare_all
from trainer.failures import failures
from trainer.labels import LabelError
from trainer.metrics import MetricError
from trainer.options import HealthyRange, format_options, known_options, window_options
from trainer.progress import show_stage
from trainer.recipe import load_recipe


@click.command(
    epilog="\b\nExample:\n"
    "  edge-trainer compare recordings/pump-1 --healthy 0:400 --recipes default,larzalere\n"
    "  edge-trainer compare test/machine-1-6.txt --healthy-data train/machine-1-6.txt \\\n"
    "    --healthy 0:23688 --labels test_label/machine-1-6.txt --seeds 1"
)
@click.argument("recording", type=click.Path(path_type=Path))
@format_options
@window_options
@known_options
@click.option(
    "--healthy",
    type=HealthyRange(),
    required=True,
    help="Windows that are known to be healthy, to train on.",
)
@click.option(
    "--recipes",
    "names",
    metavar="A,B,C",
    default="default",
    show_default=True,
    help="Names of recipes, or recipe files.",
)
@click.option(
    "--bundle",
    "bundles",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Finished bundle to judge beside them; repeatable.",
)
@click.option(
    "--seeds", type=click.IntRange(1, 100), default=5, show_default=True, help="How many to try."
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(
    *,
    recording: Path,
    healthy: tuple[int, int],
    names: str,
    bundles: tuple[Path, ...],
    seeds: int,
    as_json: bool,
    **given: Any,
) -> None:
    """Train recipes on one healthy part and judge them on RECORDING, beside the plain methods.

    Each recipe with a network is trained with several seeds; figures are median and range.
    """
    with failures(ReplayError, LabelError, MetricError):
        recipes = [load_recipe(name.strip()) for name in names.split(",")]
        for recipe in recipes:
            require_trainer(recipe)
        options = format_of(given)
        window, hop = given.pop("window"), given.pop("hop")
        known = known_of(healthy, options, **given)
        arena = Arena(open_recording(recording, options), healthy, known, window, hop)
        found = compare_all(arena, recipes, bundles, seeds, show_stage)
    if as_json:
        print_json(found)
        return
    click.echo(f"{recording}: {found.windows} windows, trained on {healthy[0]}:{healthy[1]}")
    for line in comparison_lines(found):
        click.echo(line)
