"""``edge-trainer evaluate``."""

import os
from pathlib import Path
from typing import Any

import click

from edge_agent.bundle import Bundle, LoadedBundle
from edge_agent.bundle.overlay import apply_overlay, encode_overlay, require_calibrated
from edge_agent.bundle.replay import ReplayError
from edge_agent.disk import replace_file
from edge_agent.recordings import Recording, open_recording
from trainer.cli.output import print_json
from trainer.cli.reading import format_of, known_of
from trainer.cli.requirements import require_folder
from trainer.cli.tables import evaluation_lines
from trainer.commission import commission_bundle, read_asset
from trainer.confirmed import kept_out
from trainer.evaluate_bundle import Judged, evaluate_bundle
from trainer.failures import Failure, failures
from trainer.labels import LabelError
from trainer.metrics import MetricError
from trainer.options import HealthyRange, format_options, known_options, window_options
from trainer.outcome import Truth
from trainer.progress import window_progress


@click.command(
    epilog="\b\nExample:\n"
    "  edge-trainer evaluate pump-1.edgemodel recordings/pump-1 --healthy 0:400\n"
    "  edge-trainer evaluate taxi.edgemodel nyc_taxi.csv --labels combined_windows.json\n"
    "  edge-trainer evaluate pumps.edgemodel recordings/pump-9 --commission 0:200"
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
@click.option(
    "--commission",
    type=HealthyRange(),
    help="Commission a general bundle on these windows of RECORDING first; they are the healthy"
    " ones unless --healthy says others.",
)
@window_options
@click.option(
    "--overlay",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what commissioning found, JSON, to this file.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the judgement as a page, HTML, to this file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
def evaluate(
    *,
    bundle: Path,
    recording: Path,
    healthy: tuple[int, int] | None,
    commission: tuple[int, int] | None,
    overlay: Path | None,
    report: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Judge a bundle on a recording, beside the plain methods.

    The bundle's own flow runs over RECORDING from a fresh start, as on a gateway; RECORDING need
    not be the one it was trained on.
    """
    cut = given.pop("window"), given.pop("hop")
    if commission is None and (*cut, overlay) != (None, None, None):
        raise Failure("--window, --hop, --overlay: allowed beside --commission only", os.EX_USAGE)
    require_folder(overlay, report)
    with failures(ReplayError, LabelError, MetricError):
        read = Bundle.read(bundle)
        options = format_of(given)
        opened = open_recording(recording, options)
        if commission is None:
            require_calibrated(read)
            loaded = read.load()
        else:
            loaded = _commissioned(read, opened, commission, cut, overlay)
        known = known_of(healthy or commission, options, **given)
        with window_progress("replay") as update:
            judged = evaluate_bundle(loaded, opened, known, update)
        if report is not None:
            replace_file(report, _page(loaded, opened, judged))
    found = judged.evaluation
    if as_json:
        print_json(found)
        return
    click.echo(f"{recording}: {found.windows} windows, {found.scored} scored, by {bundle}")
    for line in evaluation_lines(found):
        click.echo(line)


def _page(loaded: LoadedBundle, recording: Recording, judged: Judged) -> bytes:
    from trainer.choose_detector import Standing, stand_ready
    from trainer.report import Findings, render

    standings = dict[str, Standing]()
    quiet = judged.quiet
    if quiet is not None and quiet.healthy is not None:
        warm_up = loaded.manifest.flow.model.washout_vectors
        verdicts = judged.evaluation.verdicts
        healthy = quiet.learnable, quiet.healthy
        standings = stand_ready(judged.watches, verdicts, healthy, warm_up)
    return render(
        Findings(
            manifest=loaded.manifest,
            truth=judged.truth,
            results=judged.results,
            evaluation=judged.evaluation,
            recording=recording.path.name,
            standings=standings,
        )
    )


def _commissioned(
    bundle: Bundle,
    recording: Recording,
    healthy: tuple[int, int],
    cut: tuple[int | None, int | None],
    out: Path | None,
) -> LoadedBundle:
    with window_progress("commissioning") as update:
        series = read_asset(bundle, recording, *cut, update)
    truth = Truth(series, healthy, confirmed=kept_out(recording.path, series))
    overlay, _ = commission_bundle(bundle, truth.learnable, healthy)
    if out is not None:
        replace_file(out, encode_overlay(overlay))
    return apply_overlay(overlay, bundle)
