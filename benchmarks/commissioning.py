"""General bundles commissioned by the agent itself, beside bundles trained for each machine.

    python -m benchmarks.commissioning --data ../shared/data [--out commissioning.json]

As benchmarks.general, but through the daemon: each machine is an asset that plays its recording.
One run of the agent is given the healthy windows and commissions itself from them; it is ended, and
a second run is given all that follows. Alarms are the events that it would have published. Beside
them the same general bundle commissioned offline, and a bundle trained on that very machine.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.general import (
    Case,
    femto_cases,
    general_bundle,
    ims_cases,
    rows,
    same_features,
    series_of,
    simulated,
)
from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import general_part
from edge_agent.calibration.positions import asset_series
from edge_agent.daemon.commissioning.overlays import Overlays, Wanted
from edge_agent.daemon.outbox.database import Database
from edge_agent.daemon.outbox.layout import FILE_NAME
from edge_agent.daemon.recorder.recorder import FOLDER
from trainer.general import Asset
from trainer.recipe import Recipe, load_recipe

_BY = "benchmark"
_PATIENCE_S = 900.0
_POLL_S = 1.0
_HEAD = 'gateway = "gw-1"\nstate_dir = "state"\n[mqtt]\nport = 1\n[metrics]\nenabled = false\n'


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one way of judging said of one machine; numbers are windows of its recording.

    Attributes:
        machine: and its channels.
        form: ``agent``: commissioned by the agent; ``offline``: the same bundle by the trainer's
            evaluation; ``calibrated``: a bundle trained on the machine.
        healthy: windows that were learned from.
        false_alarms: opened from there to the earliest sign of damage.
        first_alarm: open or opened after that sign; None: never.
        opened: all openings.
        refused: why the machine was not commissioned.
    """

    machine: str
    form: Literal["agent", "offline", "calibrated"]
    healthy: tuple[int, int]
    false_alarms: int = 0
    first_alarm: int | None = None
    opened: tuple[int, ...] = ()
    refused: str | None = None


def through_the_agent(
    folder: Path, data: Path, content: bytes, cases: list[Case]
) -> Iterator[Found]:
    """Commission the bundle in ``content`` on each machine and replay what follows, all at once."""
    (folder / "general.edgemodel").write_bytes(content)
    state = folder / "state"
    overlays = Overlays(state / "overlays", state / FOLDER)
    names = {f"machine-{n}": case for n, case in enumerate(cases)}
    for name, case in names.items():
        first, last = case.healthy
        overlays.want(name, Wanted(since=0, windows=last - first, by=_BY))
    healthy = {name: f"{c.healthy[0]}:{c.healthy[1]}" for name, c in names.items()}
    _run(folder, _config(names, data, healthy), lambda assets: all(map(_is_decided, assets)))
    refused = {name: _refusal(folder, name) for name in names}
    rest = {n: f"{c.healthy[1]}:" for n, c in names.items() if refused[n] is None}
    _run(
        folder,
        _config({n: names[n] for n in rest}, data, rest),
        lambda assets: all(asset["state"] == "ended" for asset in assets),
    )
    alarms = _alarms(state)
    for name, case in names.items():
        spans = [
            (case.healthy[0] + opened, None if closed is None else case.healthy[0] + closed)
            for opened, closed in alarms.get(name, [])
        ]
        yield _found(case, "agent", spans, refused[name])


def _found(
    case: Case,
    form: Literal["agent", "offline", "calibrated"],
    spans: Iterable[tuple[int, int | None]],
    refused: str | None = None,
) -> Found:
    spans = list(spans)
    late = [
        max(opened, case.damage_from)
        for opened, closed in spans
        if closed is None or closed > case.damage_from
    ]
    return Found(
        machine=case.name,
        form=form,
        healthy=case.healthy,
        false_alarms=sum(case.healthy[0] <= o < case.damage_from for o, _ in spans),
        first_alarm=min(late, default=None),
        opened=tuple(o for o, _ in spans),
        refused=refused,
    )


def _config(cases: dict[str, Case], data: Path, ranges: dict[str, str]) -> str:
    tables = [
        f'[[asset]]\nname = "{name}"\nbundle = "general.edgemodel"\n'
        '[asset.sensor]\nplugin = "replay"\n[asset.sensor.options]\n'
        f"path = {json.dumps(str((data / case.path).absolute()))}\n"
        f"channels = {json.dumps(list(case.channels))}\n"
        f'range = "{ranges[name]}"\nspeed = 0.0\n'
        for name, case in cases.items()
    ]
    return _HEAD + "".join(tables)


def _run(folder: Path, config: str, until: Callable[[list[dict[str, object]]], bool]) -> None:
    """Run the agent until ``until`` says so of its assets."""
    path = folder / "config.toml"
    path.write_text(config)
    command = [sys.executable, "-m", "edge_agent.cli.agent"]
    with (folder / "agent.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "run", "--config", str(path)],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline_s = time.monotonic() + _PATIENCE_S
    try:
        while time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
            said = subprocess.run(
                [*command, "status", "--json", "--config", str(path)],
                capture_output=True,
                check=False,
            )
            if said.returncode == 0 and until(json.loads(said.stdout)["assets"]):
                return
            if process.poll() is not None:
                break
        raise RuntimeError(f"the agent did not come to an end: {folder / 'agent.log'}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30.0)


def _is_decided(asset: dict[str, object]) -> bool:
    progress = asset["commissioning"]
    refused = progress["refused"] if isinstance(progress, dict) else None
    return asset["model_overlay"] is not None or refused is not None


def _refusal(folder: Path, name: str) -> str | None:
    marker = f"asset {name}: not commissioned: "
    lines = (folder / "agent.log").read_text().splitlines()
    said = [line.partition(marker)[2] for line in lines if marker in line]
    return said[0] if said else None


def _alarms(state: Path) -> dict[str, list[tuple[int, int | None]]]:
    """Return opening and closing window of each anomaly, by asset, as they wait to be sent."""
    database = Database.open_file(state / FILE_NAME, time.monotonic, time.time_ns())
    try:
        bodies = [json.loads(row.body) for row in database.rows("anomaly", 0, 1 << 30)]
    finally:
        database.close()
    found: dict[str, list[tuple[int, int | None]]] = {}
    for body in bodies:
        spans = found.setdefault(body["asset"], [])
        if body["event"] == "open":
            spans.append((body["index"], None))
        elif body["event"] == "close" and spans:
            spans[-1] = spans[-1][0], body["index"]
    return found


def beside(case: Case, data: Path, bundle: Bundle, recipe: Recipe) -> Iterator[Found]:
    """Yield what the trainer's evaluation says of the same bundle, and of the machine's own."""
    picked = asset_series(
        series_of(data / case.path, recipe, case.channels), general_part(bundle).features
    )
    forms: dict[str, Literal["offline", "calibrated"]] = {
        "general": "offline",
        "calibrated": "calibrated",
    }
    for row in rows(case, picked, bundle, recipe, 0):
        if row.detector == "all":
            yield _found(case, forms[row.form], [(a.opened, a.closed) for a in row.alarms])


def main() -> None:
    """Run both ways round and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--out", type=Path, help="write all as JSON to this file")
    given = parser.parse_args()
    recipe, found = same_features(load_recipe("default")), list[Found]()
    femto = [
        Asset(f"Bearing{n}", series_of(given.data / f"femto/Bearing{n}.npz", recipe), healthy)
        for n, healthy in (("1_1", (200, 900)), ("1_2", (100, 500)))
    ]
    table = given.data / next(ims_cases()).path
    ims = Asset("IMS", series_of(table, recipe), (0, 400))
    with tempfile.TemporaryDirectory(prefix="edge-agent-commissioning-") as name:
        bearings, done = list(simulated(recipe, Path(name))), list[tuple[Case, Bundle]]()
        for training, cases in (
            ([*femto, *bearings], list(ims_cases())),
            ([ims, *bearings], list(femto_cases())),
        ):
            bundle, content = general_bundle(recipe, training, 0)
            folder = Path(tempfile.mkdtemp(dir=name))
            for row in through_the_agent(folder, given.data, content, cases):
                _note(row, found, given.out)
            done += [(case, bundle) for case in cases]
        for case, bundle in done:
            for row in beside(case, given.data, bundle, recipe):
                _note(row, found, given.out)


def _note(row: Found, found: list[Found], out: Path | None) -> None:
    found.append(row)
    sys.stdout.write(
        f"{row.machine:<14} {row.form:<10} first {row.first_alarm!s:<5} false {row.false_alarms}"
        f"  opened {', '.join(map(str, row.opened[:6])) or '-'}  {row.refused or ''}\n"
    )
    sys.stdout.flush()
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))


if __name__ == "__main__":
    main()
