"""``python -m benchmarks.fleet``: prints one JSON object."""

import sys
from pathlib import Path

import click
import msgspec

from benchmarks.broker import NoBrokerError
from benchmarks.figure import Machine
from benchmarks.fleet.measured import Measured, measure
from benchmarks.fleet.simulated import Simulated, simulate
from benchmarks.machine import load, machine


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed.

    Attributes:
        machine: that it ran on.
        measured: with a real broker.
        simulated: the controller alone.
    """

    machine: Machine
    measured: tuple[Measured, ...]
    simulated: tuple[Simulated, ...]


@click.command(
    epilog="\b\nExample:\n  python -m benchmarks.fleet --gateways 250 --gateways 1000"
    " --simulated 10000"
)
@click.option("--gateways", multiple=True, type=int, help="Light ones on mosquitto; repeatable.")
@click.option("--processes", default=4, show_default=True, help="That they are in.")
@click.option("--rate", "rate_per_min", default=6000.0, show_default=True, help="Orders a minute.")
@click.option("--simulated", multiple=True, type=int, help="With the controller; repeatable.")
def fleet(
    gateways: tuple[int, ...], processes: int, rate_per_min: float, simulated: tuple[int, ...]
) -> None:
    """Roll a model out to many gateways, and say what that took."""
    before = load()
    try:
        measured = [measure(count, processes, rate_per_min) for count in gateways]
    except NoBrokerError as error:
        raise click.ClickException(str(error)) from error
    found = Found(
        measured=tuple(measured),
        simulated=tuple(map(simulate, simulated)),
        machine=machine(before),
    )
    click.echo(msgspec.json.format(msgspec.json.encode(found)))


if __name__ == "__main__":
    fleet.main(prog_name=f"{Path(sys.executable).name} -m benchmarks.fleet")
