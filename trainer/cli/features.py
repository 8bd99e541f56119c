"""``edge-trainer features``."""

from pathlib import Path
from typing import Any

import click

from trainer.cli.fleet import fleet_options
from trainer.cli.output import print_json
from trainer.cli.reading import read
from trainer.cli.requirements import require_file, require_folder
from trainer.failures import failures
from trainer.fleet import feature_jobs
from trainer.options import recipe_options
from trainer.table import write_table


@click.command(
    epilog="\b\nExample:\n  edge-trainer features --data recordings/pump-1 --out pump-1.csv\n"
    "  edge-trainer features --data 'recordings/*.npz' --engine spark --out tables"
)
@recipe_options
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Recording: a file or a folder; or a pattern of many.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Feature table to write, CSV; the folder for many recordings.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@fleet_options(feature_jobs, "data", pattern=True)
def features(out: Path, *, as_json: bool, **given: Any) -> None:
    """Compute the features of every window and write them as a table.

    Where --data is a pattern such as 'recordings/*.npz', a table for each recording.
    """
    require_file(out)
    require_folder(out)
    with failures():
        _, _, series = read(**given)
        write_table(out, series)
    if as_json:
        print_json({"out": str(out), "windows": len(series.vectors), "features": series.names})
        return
    click.echo(f"{out}: {len(series.vectors)} windows of {len(series.names)} features", err=True)
