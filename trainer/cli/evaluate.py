"""``edge-trainer evaluate``."""

from pathlib import Path
from typing import Any

import click

from edge_agent.bundle import Bundle
from edge_agent.bundle.replay import ReplayError
from edge_agent.recordings import open_recording
from trainer.cli.output import print_json
from trainer.cli.reading import format_of, known_of
from trainer.cli.tables import evaluation_lines
from trainer.evaluate_bundle import evaluate_bundle
from trainer.failures import failures
from trainer.labels import LabelError
from trainer.metrics import MetricError
from trainer.options import HealthyRange, format_options, known_options


@click.command(
    epilog="\b\nExample:\n"
    "  edge-trainer evaluate pump-1.edgemodel recordings/pump-1 --healthy 0:400\n"
    "  edge-trainer evaluate taxi.edgemodel nyc_taxi.csv --labels combined_windows.json"
)
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@format_options
@known_options
@click.option(
    "--healthy",
    type=HealthyRange(),
    help="Windows that are known to be healthy: false alarms are counted there, and the plain"
    " methods fitted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
def evaluate(
    *,
    bundle: Path,
    recording: Path,
    healthy: tuple[int, int] | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Judge a bundle on a recording, beside the plain methods.

    The bundle's own flow runs over RECORDING from a fresh start, as on a gateway; RECORDING need
    not be the one it was trained on.
    """
    with failures(ReplayError, LabelError, MetricError):
        loaded = Bundle.read(bundle).load()
        options = format_of(given)
        known = known_of(healthy, options, **given)
        found = evaluate_bundle(loaded, open_recording(recording, options), known)
    if as_json:
        print_json(found)
        return
    click.echo(f"{recording}: {found.windows} windows, {found.scored} scored, by {bundle}")
    for line in evaluation_lines(found):
        click.echo(line)
