"""Which settings of the default recipe are best, told without a single failure label.

    python -m benchmarks.candidates --data ../shared/data [--out candidates.json]

Every candidate learns from the first part of a machine's healthy windows; the rest is held out.
There it must be quiet, and there faults are put in: louder, another spectrum at the same level,
impulses at the same level, each slowly grown to a size of few healthy scales. The rule: among those
with the fewest false alarms (one more in a thousand windows is no difference) the one that sees the
largest share of the faults. Machines: those under --data, healthy parts only, and simulated ones.
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
from numpy.typing import NDArray

from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.series import Series
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.recordings import RecordingOptions, open_recording
from trainer.data import input_spec, read_series
from trainer.injected import inject, possible_faults
from trainer.learn import learn
from trainer.recipe import Recipe, load_recipe

_IMS = Path("ims_2nd_test/ims_2nd_test_features.csv")
_LEARNED = 0.6  # share of the healthy part
_SIZES = (1.0, 2.0, 4.0)  # healthy scales
_GROWTH = 30  # windows until a fault has its size
_SAME = 1e-3  # false alarms per held-out window that make no difference

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
    held_out: int
    false_alarms: int
    tried: dict[str, int]
    seen: dict[str, int]
    delays: tuple[int, ...]


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
    rows = slice(*healthy)
    return Series(
        series.input,
        series.features,
        series.names,
        series.vectors[rows],
        series.start_ns[rows],
        series.end_ns[rows],
        series.gap[rows],
    )


def judge(
    candidate: Candidate, machine: str, series: Series, spec: FlowSpec, model: AnyModel
) -> Row:
    """Count the alarms of ``spec`` on the held-out windows, as they are and with faults."""
    n = len(series.vectors)
    first = round(_LEARNED * n)
    onset = first + (n - first) // 3
    quiet = _opened(spec, model, series, series.vectors)
    tried, seen, delays = dict[str, int](), dict[str, int](), list[int]()
    for kind in possible_faults(series.names):
        for most in _SIZES:
            size = most * np.clip((np.arange(n) - onset) / _GROWTH, 0.0, 1.0)
            spoilt = inject(series.vectors, series.names, kind, size, series.vectors[:first])
            new = [i for i in _opened(spec, model, series, spoilt) if i >= onset]
            label = f"{kind} {most:g}"
            tried[label], seen[label] = 1, int(bool(new))
            delays += [new[0] - onset] if new else []
    return Row(
        candidate=candidate.name,
        machine=machine,
        held_out=n - first,
        false_alarms=sum(i >= first for i in quiet),
        tried=tried,
        seen=seen,
        delays=tuple(delays),
    )


def _opened(
    spec: FlowSpec, model: AnyModel, series: Series, vectors: NDArray[np.float32]
) -> list[int]:
    """Return the windows in which alarms open."""
    flow = Flow(spec, model)
    opened = []
    for i, vector in enumerate(vectors):
        start, end = int(series.start_ns[i]), int(series.end_ns[i])
        event = flow.push_vector(vector, start, end, gap=bool(series.gap[i])).event
        if event is not None and event.kind == "open":
            opened.append(i)
    return opened


def _rows(default: Recipe, machine: str, series: Series) -> Iterator[Row]:
    healthy = (0, round(_LEARNED * len(series.vectors)))
    learned, built = None, None
    for candidate in candidates(default):
        if learned is None or candidate.network != built:
            network = msgspec.convert(
                msgspec.to_builtins(default.network) | candidate.network, type(default.network)
            )
            learned = learn(replace(default, network=network), series, healthy)
            built = candidate.network
        model = learned.shipped.model
        if "threshold" in candidate.calibration and candidate.calibration["threshold"] is None:
            deaf = replace(learned.shipped.spec.threshold, value=float(np.finfo(np.float64).max))
            spec = replace(learned.shipped.spec, threshold=deaf)
        else:
            how = replace(default.calibration, **candidate.calibration)
            spec = calibrate(how, series, learned.ready, model)
        yield judge(candidate, machine, series, spec, model)


def ranking(rows: list[Row]) -> list[tuple[str, float, float, float]]:
    """Return (candidate, false alarms per 1000 windows, share seen, median delay), best first."""
    found = []
    for name in dict.fromkeys(row.candidate for row in rows):
        own = [row for row in rows if row.candidate == name]
        false = sum(r.false_alarms for r in own) / sum(r.held_out for r in own)
        share = sum(sum(r.seen.values()) for r in own) / sum(sum(r.tried.values()) for r in own)
        delays = [d for r in own for d in r.delays]
        found.append((name, 1000 * false, share, float(np.median(delays)) if delays else np.nan))
    least = min(row[1] for row in found)
    return sorted(found, key=lambda r: (r[1] > least + 1000 * _SAME, -r[2], r[3]))


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
    kinds = list(dict.fromkeys(label for row in rows for label in row.tried))
    print(f"{'candidate':<44} false/1000  seen  delay  " + "  ".join(kinds))
    for name, false, share, delay in ranking(rows):
        own = [row for row in rows if row.candidate == name]
        parts = [
            sum(r.seen.get(k, 0) for r in own) / max(1, sum(r.tried.get(k, 0) for r in own))
            for k in kinds
        ]
        each = "  ".join(f"{p:>{len(k)}.2f}" for p, k in zip(parts, kinds, strict=True))
        print(f"{name:<44} {false:>10.2f}  {share:.2f}  {delay:>5.0f}  {each}")


if __name__ == "__main__":
    main()
