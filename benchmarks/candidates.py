"""Which settings of the default recipe are best, told without a single failure label.

    python -m benchmarks.candidates --data ../shared/data [--out candidates.json]

Every candidate stands as ``trainer.choose_detector`` makes a baseline stand: on healthy windows,
the latest of which it has not learned from, as they are and with faults put in. The rule is the one
there, over all machines together, but for one thing: one more false alarm in a thousand windows is
no difference. Machines: those under --data, healthy parts only, and simulated ones.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from edge_sensor_simulated import Machine, record

from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.series import Series
from edge_agent.recordings import RecordingOptions, open_recording
from trainer.choose_detector import Standing, learned_from, stand
from trainer.data import input_spec, read_series
from trainer.evaluate import level_only
from trainer.learn import learn
from trainer.outcome import flow_watch
from trainer.recipe import Recipe, load_recipe

_IMS = Path("ims_2nd_test/ims_2nd_test_features.csv")
_SAME = 1e-3  # false alarms per window that make no difference

replace = msgspec.structs.replace


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network and how its residuals are used: changes to the default recipe."""

    name: str
    network: dict[str, Any]
    calibration: dict[str, Any]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """How one candidate stood on one machine."""

    candidate: str
    machine: str
    standing: Standing


def candidates(default: Recipe) -> Iterator[Candidate]:
    """Yield the candidates; those with the same network in a row."""
    networks: dict[str, dict[str, Any]] = {
        "lstm 16, memory": {},
        "gru 16, memory": {"cell": "gru"},
        "lstm 16, no memory": {"memory_alpha": None},
        "lstm 16, fast memory": {"memory_alpha": 0.2},
    }
    alone = {"level": None}
    uses: dict[str, dict[str, Any]] = {
        "as shipped, with level": {},
        "as shipped": alone,
        "little smoothing": alone | {"smoothing": replace(default.smoothing, alpha=0.7)},
        "much smoothing": alone | {"smoothing": replace(default.smoothing, alpha=0.15)},
        "squared error": alone
        | {"scorer": replace(default.scorer, kind="squared_error", offset=0.0)},
        "3.5 scales": alone | {"threshold": replace(default.threshold, parameter=3.5)},
        "6 scales": alone | {"threshold": replace(default.threshold, parameter=6.0)},
        "1 of 1": alone | {"alarm": replace(default.alarm, k=1, n=1)},
        "4 of 5": alone | {"alarm": replace(default.alarm, k=4, n=5)},
    }
    for network, changed in networks.items():
        for use, how in uses.items():
            if network == "lstm 16, memory" or use in ("as shipped", "much smoothing"):
                yield Candidate(f"{network}; {use}", changed, how)
    yield Candidate("no network; the level alone", {}, {"threshold": None})


def machines(data: Path, recipe: Recipe) -> Iterator[tuple[str, Series]]:
    """Yield the healthy windows of each machine."""
    for bearing in ("b1", "b2", "b3", "b4"):
        yield f"IMS {bearing}", _healthy(data / _IMS, recipe, (0, 500), (bearing,))
    for name, healthy in (("Bearing1_1", (200, 900)), ("Bearing1_2", (100, 700))):
        yield f"FEMTO {name}", _healthy(data / "femto" / f"{name}.npz", recipe, healthy)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            path = Path(folder) / f"{seed}.npz"
            machine = Machine(seed=seed, load_swing=0.02 + 0.05 * seed, shaft_hz=20.0 + 10.0 * seed)
            record(path, machine, rate_hz=8192.0, duration_s=600 * 60.0, burst=(4096, 60.0))
            yield f"simulated {seed}", _healthy(path, recipe, (0, 600))


def _healthy(
    path: Path, recipe: Recipe, healthy: tuple[int, int], channels: tuple[str, ...] = ()
) -> Series:
    recording = open_recording(path, RecordingOptions(channels=channels))
    series = read_series(recording, recipe, input_spec(recording, recipe))
    return series.part(*healthy)


def _rows(default: Recipe, machine: str, series: Series) -> Iterator[Row]:
    first = learned_from(series)
    learned, built = None, None
    for candidate in candidates(default):
        if learned is None or candidate.network != built:
            network = msgspec.convert(
                msgspec.to_builtins(default.network) | candidate.network, type(default.network)
            )
            learned = learn(replace(default, network=network), series, (0, first))
            built = candidate.network
        model = learned.shipped.model
        if "threshold" in candidate.calibration and candidate.calibration["threshold"] is None:
            spec = level_only(learned.shipped.spec)
        else:
            how = replace(default.calibration, **candidate.calibration)
            spec = calibrate(how, series, learned.ready, model)
        standing = stand(flow_watch(spec, model), series, first)
        yield Row(candidate=candidate.name, machine=machine, standing=standing)


def ranking(rows: list[Row]) -> list[tuple[str, Standing]]:
    """Return each candidate with how it stands on all machines together, best first."""
    found = {
        name: _together([row for row in rows if row.candidate == name])
        for name in dict.fromkeys(row.candidate for row in rows)
    }
    least = min(_false_rate(standing) for standing in found.values())

    def rank(entry: tuple[str, Standing]) -> tuple[float, ...]:
        _, *sharp_and_fast = entry[1].rank
        return _false_rate(entry[1]) > least + _SAME, *sharp_and_fast

    return sorted(found.items(), key=rank)


def _together(rows: list[Row]) -> Standing:
    every = [(row.machine, row.standing) for row in rows]
    return Standing(
        windows=sum(s.windows for _, s in every),
        false_alarms=sum(s.false_alarms for _, s in every),
        seen={f"{kind} on {name}": seen for name, s in every for kind, seen in s.seen.items()},
        delays=tuple(delay for _, s in every for delay in s.delays),
    )


def _false_rate(standing: Standing) -> float:
    return standing.false_alarms / standing.windows


def main() -> None:
    """Judge all candidates on all machines and print the ranking."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--out", type=Path, help="write every row as JSON to this file")
    given = parser.parse_args()
    default, rows = load_recipe("default"), list[Row]()
    for machine, series in machines(given.data, default):
        rows += _rows(default, machine, series)
        sys.stderr.write(f"{machine} done\n")
        if given.out is not None:
            given.out.write_bytes(msgspec.json.encode(rows))
    kinds = list(dict.fromkeys(kind for row in rows for kind in row.standing.seen))
    print(f"{'candidate':<44} false/1000  seen  delay  " + "  ".join(kinds))
    for name, standing in ranking(rows):
        own = [row.standing.seen for row in rows if row.candidate == name]
        parts = [np.mean([seen[kind] for seen in own if kind in seen]) for kind in kinds]
        each = "  ".join(f"{p:>{len(k)}.2f}" for p, k in zip(parts, kinds, strict=True))
        share = np.mean(list(standing.seen.values()))
        print(
            f"{name:<44} {1000.0 * _false_rate(standing):>10.2f}  {share:.2f}"
            f"  {standing.rank[-1]:>5.0f}  {each}"
        )


if __name__ == "__main__":
    main()
