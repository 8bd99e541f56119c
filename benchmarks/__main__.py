"""``python -m benchmarks``: prints one JSON object, and a table to the terminal beside it."""

import sys
import tempfile
from pathlib import Path

import click
import msgspec

from benchmarks.environments import PartFailedError, call, interpreters
from benchmarks.figure import Figure, NotRun, Report
from benchmarks.machine import load, machine
from benchmarks.part import PARTS, RUNTIMES
from benchmarks.table import table


@click.command(epilog="\b\nExample:\n  python -m benchmarks --only features --only model_step")
@click.option("--quick", is_flag=True, help="Few runs, in this environment only: half a minute.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Measure this; repeatable.")
@click.option("--table", "as_table", is_flag=True, help="Print the table alone.")
def benchmarks(only: tuple[str, ...], *, quick: bool, as_table: bool) -> None:
    """Measure what the agent costs, each figure beside its reference in the same run.

    Runs in the environments of `make test-agent` where they exist, as they hold what a gateway
    does. JSON goes to standard output, the table to standard error.
    """
    before = load()
    figures: list[Figure] = []
    not_run: list[NotRun] = []
    with tempfile.TemporaryDirectory(prefix="edge-agent-benchmarks-") as name:
        for python in interpreters(quick=quick):
            folder = Path(name) / python.parents[1].name
            folder.mkdir()
            call(python, "benchmarks.bundles", str(folder))
            for part in only or PARTS:
                click.echo(f"{python.parents[1].name}: {part} ...", err=True)
                _take(part, python, folder, figures, not_run, quick=quick)
    if not quick:
        not_run += _missing(figures)
    report = Report(
        quick=quick,
        machine=machine(before),
        figures=tuple(figures),
        not_run=tuple(not_run),
    )
    if as_table:
        click.echo(table(report))
        return
    click.echo(table(report), err=True)
    click.echo(msgspec.json.format(msgspec.json.encode(report)))


def _missing(figures: list[Figure]) -> list[NotRun]:
    """Say which runtimes there was no environment for."""
    measured = {found.environment.split()[0] for found in figures}
    return [
        NotRun(f"everything under {runtime}", "no environment has it: make test-agent makes one")
        for runtime in RUNTIMES
        if runtime not in measured
    ]


def _take(
    part: str,
    python: Path,
    folder: Path,
    figures: list[Figure],
    not_run: list[NotRun],
    *,
    quick: bool,
) -> None:
    options = ["--quick"] if quick else []
    try:
        printed = call(python, "benchmarks.part", part, str(folder), *options)
    except PartFailedError as error:
        raise click.ClickException(str(error)) from error
    found = msgspec.json.decode(printed, type=list[Figure] | NotRun)
    if isinstance(found, NotRun):
        not_run.append(found)
    else:
        figures += found


if __name__ == "__main__":
    benchmarks.main(prog_name=f"{Path(sys.executable).name} -m benchmarks")
