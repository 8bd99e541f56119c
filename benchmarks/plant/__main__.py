"""``python -m benchmarks.plant``: trains, commissions, watches for a year, prints one table.

A general bundle is trained on six other machines of the same kind, and commissioned on each of
the plant's fifty by its first four weeks, in January, as the agent does it by itself.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import click
import msgspec

from benchmarks.plant.life import PER_DAY
from benchmarks.plant.outcome import summarise
from benchmarks.plant.picture import draw
from benchmarks.plant.table import table
from benchmarks.plant.teach import teach
from benchmarks.plant.trouble import of_the_year
from benchmarks.plant.watch import Watched, watch_year

_LEAST_MACHINES, _LEAST_DAYS, _LEAST_HEALTHY_DAYS = 15, 120, 14


@click.command(epilog="\b\nExample:\n  python -m benchmarks.plant --picture plant.png")
@click.option("--machines", type=click.IntRange(min=_LEAST_MACHINES), default=50, show_default=True)
@click.option("--days", type=click.IntRange(min=_LEAST_DAYS), default=365, show_default=True)
@click.option(
    "--healthy-days",
    type=click.IntRange(_LEAST_HEALTHY_DAYS, 28),
    default=28,
    show_default=True,
    help="By which every machine is commissioned.",
)
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--bundle", type=click.Path(path_type=Path), help="General; else one is trained.")
@click.option("--picture", type=click.Path(path_type=Path), default="build/plant.png")
@click.option("--out", type=click.Path(path_type=Path), help="Write all numbers there as JSON.")
def plant(
    machines: int,
    days: int,
    healthy_days: int,
    processes: int,
    bundle: Path | None,
    picture: Path,
    out: Path | None,
) -> None:
    """Simulate a plant for a year and say what the agent told of it.

    A shorter year has the same troubles, closer together.
    """
    began_s = time.monotonic()
    hours, healthy_h = days * PER_DAY, healthy_days * PER_DAY
    content = teach(healthy_h) if bundle is None else bundle.read_bytes()
    click.echo(f"general bundle: {time.monotonic() - began_s:.0f} s", err=True)
    watched: list[Watched] = []
    spawning = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawning) as pool:
        jobs = [
            pool.submit(watch_year, content, number, machines, hours, healthy_h)
            for number in range(machines)
        ]
        for done in as_completed(jobs):
            watched.append(done.result())
            took_s = time.monotonic() - began_s
            click.echo(f"{len(watched)} of {machines} machines, {took_s:.0f} s", err=True)
    watched.sort(key=lambda one: one.machine)
    troubles = of_the_year(machines, days)
    outcome = summarise(watched, troubles, hours, healthy_h)
    click.echo(table(outcome))
    picture.parent.mkdir(parents=True, exist_ok=True)
    draw(watched, troubles, hours, healthy_h, picture)
    click.echo(f"picture: {picture}")
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))


if __name__ == "__main__":
    plant.main(prog_name=f"{Path(sys.executable).name} -m benchmarks.plant")
