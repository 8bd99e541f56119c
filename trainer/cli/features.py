"""``edge-trainer features``."""

from pathlib import Path
from typing import Any

import click

from trainer.cli.reading import read
from trainer.cli.requirements import require_folder
from trainer.failures import failures
from trainer.options import recording_options
from trainer.table import write_table


@click.command(
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
    require_folder(out)
    with failures():
        _, _, series = read(**given)
        write_table(out, series)
    click.echo(f"{out}: {len(series.vectors)} windows of {len(series.names)} features", err=True)
