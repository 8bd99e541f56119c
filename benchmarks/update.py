"""What an update costs a scoring agent: ``python -m benchmarks.update`` prints one JSON object.

A real controller rolls one version after the other out to one real agent, over a real broker. The
scores of its assets are timed at a subscriber before and meanwhile, and its memory before and
after: fetching, verifying and signing are processes of their own and count where they delay it.
"""

import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import click
import msgspec

from benchmarks import daemon
from benchmarks.broker import HOST, NoBrokerError, running_broker
from benchmarks.bundles import make_bundle
from benchmarks.figure import Comparison, Figure, Goal, Machine, Reference, figure
from benchmarks.latency import Arrivals, Subscriber, late_ms, percentile
from benchmarks.machine import load, machine
from benchmarks.memory import process_mb
from edge_agent.bundle import Bundle, encode_bundle
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.fleet.copies import totals
from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.drive import drive
from edge_agent.rollout.fleet.enroll import Equipment, enroll, write_enrolment
from edge_agent.rollout.fleet.inventory import Inventory
from edge_agent.rollout.fleet.start import Asked, start
from edge_agent.rollout.install.place import Lines, Placed
from edge_agent.rollout.messages import Terms
from edge_agent.rollout.mqtt import connected
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.repository import Repository
from edge_agent.rollout.repository.upload import upload

LATENCY_GOAL = Goal(kind="times", wanted=0.5)  # normal over updating: at most twice as late
GROWTH_GOAL = Goal(kind="at_most", wanted=4.0)
LINE = "press"
TERMS = Terms(min_windows=10, hold_s=2.0, timeout_s=600.0)

_SETTLE_S = 5.0
_ENROLLED = '[update]\nenrolment = "enrolment"\n'


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed.

    Attributes:
        machine: that it ran on.
        figures: see there.
    """

    machine: Machine
    figures: tuple[Figure, ...]


class UpdateFailedError(Exception):
    """A rollout did not succeed: nothing was measured."""


def measure(folder: Path, assets: int, updates: int, normal_s: float) -> list[Figure]:
    """Measure an agent with that many assets of 4096 samples a second, through that many updates.

    Raises:
        NoBrokerError, UpdateFailedError, daemon.AgentFailedError: there is nothing to tell.
    """
    content = make_bundle(daemon.LENGTH, 1)
    with running_broker(folder) as port:
        desk = _desk(folder / "home", port)
        at = folder / "agent"
        config = daemon.write_config(at, f"line:{LINE}", port, assets, more=_ENROLLED)
        _enroll(desk, at / "enrolment")
        _install(at / "state", content)
        heard = Subscriber(port)
        try:
            with daemon.running_agent(config) as process:
                if not heard.wait_for(assets):
                    raise daemon.failure(config, "not every asset was scored")
                time.sleep(_SETTLE_S)
                sizes = [process_mb(process.pid)]
                marks = [time.time_ns()]
                time.sleep(normal_s)
                marks.append(time.time_ns())
                for number in range(1, updates + 1):
                    _roll_out(desk, port, _version(content, number))
                    if number == 1:
                        sizes.append(process_mb(process.pid))
                marks.append(time.time_ns())
                time.sleep(_SETTLE_S)
                sizes.append(process_mb(process.pid))
        finally:
            heard.close()
    normal, updating = (_late(heard.scores, begin, end) for begin, end in pairwise(marks))
    seconds = (marks[2] - marks[1]) / 1e9
    notes = {"assets": float(assets), "updates": float(updates), "seconds": round(seconds, 1)}
    return [*_latencies(normal, updating, notes), *_sizes(sizes, notes)]


def _version(content: bytes, number: int) -> bytes:
    """Return the same model as version 1.NUMBER.0: its trial finds nothing to complain of."""
    made = Bundle.decode(content)
    manifest = msgspec.structs.replace(made.manifest, version=f"1.{number}.0")
    return encode_bundle(manifest, made.model, made.golden)


def _desk(folder: Path, port: int) -> Desk:
    home = Home(folder, "benchmark")
    home.create(f'[broker]\nhost = "{HOST}"\nport = {port}\n'.encode())
    repository = Repository(home, lambda _name: "a passphrase for one benchmark")
    repository.init()
    return Desk(repository)


def _enroll(desk: Desk, folder: Path) -> None:
    equipment = Equipment(root=desk.repository.roles.root_bytes())
    now = datetime.now(UTC) - timedelta(seconds=1)
    inventory, files = enroll(Inventory(), daemon.GATEWAY, ("all",), equipment, now, again=False)
    write_enrolment(folder, files)
    desk.keep_inventory(msgspec.structs.replace(inventory, version=1))


def _install(state_dir: Path, content: bytes) -> None:
    bundle = Bundle.decode(content)
    name, version = bundle.manifest.name, bundle.manifest.version
    placed = Placed(name=name, version=version, sha256=bundle.sha256, length=len(content))
    lines = Lines(state_dir / "models")
    lines.activate(LINE, lines.place(LINE, placed, content))


def _roll_out(desk: Desk, port: int, content: bytes) -> None:
    """Publish a version and have it taken over and held. Raises UpdateFailedError."""
    manifest = Bundle.decode(content).manifest
    file = desk.home.folder / "bundle.edgemodel"
    file.write_bytes(content)
    desk.repository.publish(file)
    with connected(Broker(host=HOST, port=port), "benchmark") as client:
        upload(client, desk.home)
    asked = Asked(
        model=f"{manifest.name}@{manifest.version}",
        line=LINE,
        to=("all",),
        waves=((100, True),),
        limits=(),
        rate_per_min=600.0,
        terms=TERMS,
        settings=None,
        by="benchmark",
    )
    rollout = start(desk, asked, datetime.now(UTC)).plan.rollout
    _, progress = drive(desk, rollout, lambda _progress: None, threading.Event())
    if totals(progress).get("succeeded") != 1:
        reasons = [str(entry) for entry in progress.entries.values()]
        raise UpdateFailedError(f"{manifest.version}: {'; '.join(reasons)}")


def _late(arrivals: Arrivals, begin_ns: int, end_ns: int) -> list[float]:
    return [late_ms(*arrival) for arrival in arrivals if begin_ns <= arrival[0] < end_ns]


def _latencies(normal: list[float], updating: list[float], notes: dict[str, float]) -> list[Figure]:
    figures = []
    for percent, goal in ((99, LATENCY_GOAL), (50, None)):
        before, own = percentile(normal, percent), percentile(updating, percent)
        figures.append(
            figure(
                f"update_latency_p{percent}",
                "end of a window's samples to its score at a subscriber, while models are"
                f" fetched, verified, tried and swapped: {percent}th percentile",
                "ms",
                Comparison(
                    (own,),
                    (Reference(what="before the first update", value=before, ratio=before / own),),
                ),
                goal,
                {**notes, "messages": float(len(updating)), "longest_ms": max(updating)},
            )
        )
    return figures


def _sizes(sizes: list[tuple[float, float]], notes: dict[str, float]) -> list[Figure]:
    return [
        figure(
            f"update_memory_{size}",
            f"{size.upper()} of the agent after the last update, beyond that before the first",
            "MB",
            Comparison(
                (after - before,),
                (Reference(what="the agent before", value=before, ratio=before / after),),
            ),
            GROWTH_GOAL if size == "rss" else None,  # PSS falls with what else runs meanwhile
            {**notes, "after_the_first_mb": first, "after_the_last_mb": after},
        )
        for size, before, first, after in zip(("pss", "rss"), *sizes, strict=True)
    ]


@click.command(epilog="\b\nExample:\n  python -m benchmarks.update --assets 10 --updates 5")
@click.option("--assets", default=10, show_default=True, help="That follow the line.")
@click.option("--updates", default=5, show_default=True, help="One after the other.")
@click.option("--normal", "normal_s", default=60.0, show_default=True, help="Seconds before them.")
def update(assets: int, updates: int, normal_s: float) -> None:
    """Measure latency and memory of an agent while it is updated."""
    before = load()
    with tempfile.TemporaryDirectory(prefix="edge-update-") as name:
        try:
            figures = measure(Path(name), assets, updates, normal_s)
        except (NoBrokerError, UpdateFailedError, daemon.AgentFailedError) as error:
            raise click.ClickException(str(error)) from error
    found = Found(machine=machine(before), figures=tuple(figures))
    click.echo(msgspec.json.format(msgspec.json.encode(found)))


if __name__ == "__main__":
    update.main(prog_name=f"{Path(sys.executable).name} -m benchmarks.update")
