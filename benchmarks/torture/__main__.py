"""``python -m benchmarks.torture``: runs the scenarios and prints one table."""

import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
import msgspec

from benchmarks.broker import NoBrokerError
from benchmarks.machine import load, machine
from benchmarks.torture.bad_plugins import BadPlugins
from benchmarks.torture.clock import Clock
from benchmarks.torture.damage import Damage
from benchmarks.torture.fuzzing import Fuzzing
from benchmarks.torture.kills import Kills
from benchmarks.torture.outage import Outage
from benchmarks.torture.scenario import Check, NotRunError, Scale, Scenario, TortureError
from benchmarks.torture.soak import Soak
from benchmarks.torture.swaps import Swaps
from benchmarks.torture.table import table

_ALL: tuple[Scenario, ...] = (
    Kills(),
    Swaps(),
    Outage(),
    Damage(),
    BadPlugins(),
    Clock(),
    Fuzzing(),
    Soak(),
)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
_FAILED = 1


@click.command(epilog="\b\nExample:\n  python -m benchmarks.torture --short --only soak")
@click.option("--short", is_flag=True, help="As little as still says something: a minute.")
@click.option(
    "--share",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=1.0,
    show_default=True,
    help="Run this share of the full form.",
)
@click.option("--only", multiple=True, type=click.Choice(list(SCENARIOS)), help="Repeatable.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the rows there as JSON too.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),  # agents look elsewhere
    help="Leave logs and inputs there.",
)
def torture(
    only: tuple[str, ...], share: float, out: Path | None, keep: Path | None, *, short: bool
) -> None:
    """Do the worst to the agent: kills, outages, damage, bad plugins, clocks, rubbish, time.

    Exit code 1 where something did not hold.
    """
    scale = Scale(0.0 if short else share)
    names = only or tuple(SCENARIOS)
    if keep is not None:
        _refuse_used(keep, names)
    before = load()
    checks: list[Check] = []
    with tempfile.TemporaryDirectory(prefix="edge-agent-torture-") as name:
        for scenario in map(SCENARIOS.__getitem__, names):
            folder = (keep or Path(name)) / scenario.name
            folder.mkdir(parents=True, exist_ok=True)
            began_s = time.monotonic()
            click.echo(f"{scenario.name} ...", err=True)
            checks += _run(scenario, scale, folder)
            click.echo(f"{scenario.name}: {time.monotonic() - began_s:.0f} s", err=True)
    click.echo(table(checks))
    found = machine(before)
    click.echo(
        f"{found.processor}, {found.cores} cores, Python {found.python},"
        f" load {found.load_before} before, {found.load_after} after"
    )
    if out is not None:
        report = {"share": scale.share, "machine": found, "checks": checks}
        out.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    if any(check.passed is False for check in checks):
        sys.exit(_FAILED)


def _refuse_used(keep: Path, names: Iterable[str]) -> None:
    """Refuse folders of an earlier run: its outbox and its ledger would be counted again."""
    used = [str(keep / name) for name in names if (keep / name).exists()]
    if used:
        raise click.BadParameter(f"there is {', '.join(used)} already", param_hint="--keep")


def _run(scenario: Scenario, scale: Scale, folder: Path) -> list[Check]:
    try:
        return scenario.run(scale, folder).checks
    except (NotRunError, NoBrokerError) as reason:
        return [Check(name=scenario.name, asked="", measured=f"not run: {reason}", passed=None)]
    except TortureError as error:
        return [Check(name=scenario.name, asked="to go on", measured=str(error), passed=False)]


if __name__ == "__main__":
    torture.main(prog_name=f"{Path(sys.executable).name} -m benchmarks.torture")
