"""The general form beside the calibrated one, on machines that its network has never seen.

    python -m benchmarks.general --data ../shared/data [--out general.json] [--seeds 1]

Two general networks: one trained on FEMTO 1_1 and 1_2 and simulated bearings and commissioned on
each IMS bearing; one trained on the IMS bearings and simulated ones and commissioned on FEMTO.
Beside each a network calibrated to that very machine, from the same features and the same healthy
windows; and the level detector alone, which needs no network. False are alarms that open between
the first healthy window and the earliest sign of damage that is known.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from edge_sensor_simulated import Machine, record

from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import general_part
from edge_agent.calibration.positions import asset_series
from edge_agent.calibration.series import Series
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.recordings import RecordingOptions, open_recording
from trainer.commission import commission_bundle
from trainer.data import input_spec, read_series
from trainer.evaluate import Alarm, judge, level_only, network_only, run
from trainer.general import Asset, GeneralOrder, train_general
from trainer.learn import learn
from trainer.recipe import Recipe, load_recipe

_IMS = Path("ims_2nd_test/ims_2nd_test_features.csv")
_BEARINGS = ("b1", "b2", "b3", "b4")
_WINDOWS = 300  # of each simulated bearing


@dataclass(frozen=True, slots=True)
class Case:
    """A machine never seen: which channels, which windows are healthy, when damage may show."""

    name: str
    path: Path
    channels: tuple[str, ...]
    healthy: tuple[int, int]
    damage_from: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one detector said of one machine.

    Attributes:
        machine: and its channels.
        form: ``general``, or ``calibrated`` to this machine.
        detector: ``all``: what the gateway says; ``network`` and ``level`` alone.
        seed: of the network.
        healthy: windows that were commissioned or trained on.
        false_alarms: opened from there to the earliest sign of damage.
        first_alarm: open or opened after that sign; None: never.
        alarms: all of them.
    """

    machine: str
    form: Literal["general", "calibrated"]
    detector: Literal["all", "network", "level"]
    seed: int
    healthy: tuple[int, int]
    false_alarms: int
    first_alarm: int | None
    alarms: tuple[Alarm, ...]


def ims_cases() -> Iterator[Case]:
    """Yield every IMS bearing; bearing 1's damage shows from file 500 on, the others' later."""
    for bearing in _BEARINGS:
        damage_from = 500 if bearing == "b1" else 534
        yield Case(f"IMS {bearing}", _IMS, (bearing,), (0, 200), damage_from)


def femto_cases() -> Iterator[Case]:
    """Yield both FEMTO bearings, by each channel and by both."""
    for name, healthy, damage_from in (
        ("Bearing1_1", (200, 400), 1200),
        ("Bearing1_2", (100, 300), 800),
    ):
        for channels in (("horizontal",), ("vertical",), ("horizontal", "vertical")):
            named = f"FEMTO {name.removeprefix('Bearing')} {'+'.join(c[0] for c in channels)}"
            yield Case(named, Path(f"femto/{name}.npz"), channels, healthy, damage_from)


def simulated(recipe: Recipe, folder: Path) -> Iterator[Asset]:
    """Yield healthy bearings that differ in speed, load, noise and balance."""
    machines = (
        Machine(seed=1),
        Machine(seed=2, shaft_hz=24.7, load=1.6, noise_g=0.08, unbalance_g=0.02),
        Machine(seed=3, shaft_hz=49.5, load_swing=0.12, noise_g=0.015, misalignment_g=0.05),
        Machine(seed=4, shaft_hz=16.3, load=0.6, noise_g=0.3, unbalance_g=0.3, load_swing=0.1),
    )
    for number, machine in enumerate(machines):
        path = folder / f"simulated-{number}.npz"
        record(path, machine, rate_hz=8192.0, duration_s=_WINDOWS * 60.0, burst=(4096, 60.0))
        yield Asset(path.stem, series_of(path, recipe), (0, _WINDOWS))


def general_bundle(recipe: Recipe, assets: list[Asset], seed: int) -> tuple[Bundle, bytes]:
    """Train a general bundle and say what it takes; return it, and its file."""
    trained = train_general(GeneralOrder(recipe, "general", "0.1.0", seed), assets)
    found = trained.findings
    sys.stdout.write(
        f"general network of {', '.join(a.name for a in assets)}: {len(found.positions)} channels,"
        f" features {', '.join(found.features)}; left out {', '.join(found.left_out) or 'none'};"
        f" {sum(p.alarms_in_healthy for p in found.positions)} alarms in what it was trained on\n"
    )
    return Bundle.decode(trained.bundle), trained.bundle


def rows(case: Case, series: Series, bundle: Bundle, recipe: Recipe, seed: int) -> Iterator[Row]:
    """Yield what the general bundle says of a machine, then what its own network says."""
    _, made = commission_bundle(bundle, series, case.healthy)
    yield from _judged("general", case, made.series, (made.flow, made.model), seed)
    learned = learn(recipe, made.series, case.healthy, seed)
    detector = learned.shipped
    yield from _judged("calibrated", case, made.series, (detector.spec, detector.model), seed)


def _judged(
    form: Literal["general", "calibrated"],
    case: Case,
    series: Series,
    flow: tuple[FlowSpec, AnyModel],
    seed: int,
) -> Iterator[Row]:
    spec, model = flow
    parts: dict[Literal["all", "network", "level"], FlowSpec] = {
        "all": spec,
        "network": network_only(spec),
        "level": level_only(spec),
    }
    for detector, part in parts.items():
        alarms = judge(run(part, model, series), series, case.healthy).alarms
        late = [
            max(a.opened, case.damage_from)
            for a in alarms
            if a.closed is None or a.closed > case.damage_from
        ]
        yield Row(
            machine=case.name,
            form=form,
            detector=detector,
            seed=seed,
            healthy=case.healthy,
            false_alarms=sum(case.healthy[0] <= a.opened < case.damage_from for a in alarms),
            first_alarm=min(late, default=None),
            alarms=alarms,
        )


def series_of(path: Path, recipe: Recipe, channels: tuple[str, ...] = ()) -> Series:
    """Return the vectors of a recording."""
    recording = open_recording(path, RecordingOptions(channels=channels))
    return read_series(recording, recipe, input_spec(recording, recipe))


def same_features(recipe: Recipe) -> Recipe:
    """Return the recipe with the features that both sets of recordings have, and no others."""
    plugins = tuple(p for p in recipe.features.plugins if p.plugin in recipe.features.columns)
    features = msgspec.structs.replace(recipe.features, plugins=plugins)
    return msgspec.structs.replace(recipe, features=features)


def main() -> None:
    """Run both ways round and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write all alarms as JSON to this file")
    given = parser.parse_args()
    recipe, found = same_features(load_recipe(given.recipe)), list[Row]()
    femto = [
        Asset(f"Bearing{n}", series_of(given.data / f"femto/Bearing{n}.npz", recipe), healthy)
        for n, healthy in (("1_1", (200, 900)), ("1_2", (100, 500)))
    ]
    ims = Asset("IMS", series_of(given.data / _IMS, recipe), (0, 400))
    with tempfile.TemporaryDirectory(prefix="edge-agent-general-") as name:
        bearings = list(simulated(recipe, Path(name)))
    for seed in range(given.seeds):
        for training, cases in (
            ([*femto, *bearings], list(ims_cases())),
            ([ims, *bearings], list(femto_cases())),
        ):
            bundle, _ = general_bundle(recipe, training, seed)
            for case in cases:
                series = series_of(given.data / case.path, recipe, case.channels)
                picked = asset_series(series, general_part(bundle).features)
                for row in rows(case, picked, bundle, recipe, seed):
                    found.append(row)
                    _print(row)
                if given.out is not None:
                    given.out.write_bytes(msgspec.json.encode(found))


def _print(row: Row) -> None:
    opened = ", ".join(f"{a.opened}-{a.closed or ''}" for a in row.alarms[:6])
    sys.stdout.write(
        f"{row.machine:<14} {row.form:<10} {row.detector:<7} seed {row.seed}"
        f"  false {row.false_alarms}  first {row.first_alarm}  alarms {opened}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
