"""The default recipe on a variable-speed drive, with its speed as context and without.

    python -m benchmarks.regimes [--out regimes.json] [--seeds 3]

A simulated bearing runs at speeds between 15 and 45 turns per second, a few windows at each, its
level going with speed and load. From the same first windows two bundles are made, one of which is
told the speed. Both then see the same recordings, each of which goes wrong in its own way:

* healthy: nothing; what is counted are false alarms;
* spectrum: impulses of a spall, scaled so that every window keeps the rms it had when healthy;
* level: everything 1.3 times as loud, where speeds differ by a factor of five;
* new speed: 60 turns per second for forty windows, and healthy.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from edge_sensor_simulated import Defect, Machine, simulate
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.features import installed_spec, window_extractor
from edge_agent.pipeline.spec import FlowSpec
from trainer.evaluate import count_reasons, judge, level_only, network_only, run
from trainer.learn import learn
from trainer.recipe import Recipe, load_recipe

_RATE_HZ, _LENGTH, _PERIOD_S = 8192.0, 4096, 60.0
_HEALTHY, _CHANGE, _WINDOWS = 300, 500, 600
_NEW_SPEED_HZ, _NEW_WINDOWS = 60.0, 40
_LOUDER = 1.3
_DEFECT = Defect(kind="outer", start_g=0.35)

Case = Literal["healthy", "spectrum", "level", "new speed"]
Samples = NDArray[np.float32]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one detector said of one recording.

    Attributes:
        case: what goes wrong from window 500 on.
        context: whether the speed was known.
        detector: ``all``: what the gateway says; ``network`` and ``level`` alone.
        seed: of drive and network.
        false_alarms: that opened before window 500, or ever where nothing goes wrong.
        delay: windows from 500 to the alarm that is open or opens; None: none, or nothing to find.
        alarms_after: that opened from window 500 on.
        unseen: windows not scored as their speed was never seen.
    """

    case: Case
    context: bool
    detector: Literal["all", "network", "level"]
    seed: int
    false_alarms: int
    delay: int | None
    alarms_after: int
    unseen: int


def speeds_hz(seed: int) -> NDArray[np.float64]:
    """Return a speed for each window: a few windows at one, then a jump to another."""
    rng = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < _WINDOWS:
        speed = float(rng.uniform(15.0, 45.0))
        found += [speed] * int(rng.integers(3, 15))
    speeds: NDArray[np.float64] = np.array(found[:_WINDOWS])
    return speeds * (1.0 + 0.002 * rng.standard_normal(_WINDOWS))


def drive(case: Case, seed: int) -> Iterator[tuple[float, Samples]]:
    """Yield speed and vibration, float32 (4096, 1) in g, of each window."""
    rng = np.random.default_rng(1000 + seed)
    for number, usual_hz in enumerate(speeds_hz(seed)):
        wrong = number >= _CHANGE
        new = case == "new speed" and wrong and number < _CHANGE + _NEW_WINDOWS
        speed_hz = _NEW_SPEED_HZ if new else float(usual_hz)
        relative = speed_hz / 30.0
        machine = Machine(
            seed=seed,
            shaft_hz=speed_hz,
            load=relative * float(np.exp(0.05 * rng.standard_normal())),
            unbalance_g=0.05 * relative**2,  # a centrifugal force
            misalignment_g=0.02 * relative,
        )
        start_s = number * _PERIOD_S
        samples = simulate(machine, rate_hz=_RATE_HZ, length=_LENGTH, start_s=start_s)
        if case == "level" and wrong:
            samples = (_LOUDER * samples).astype(np.float32)
        if case == "spectrum" and wrong:
            faulty = msgspec.structs.replace(machine, defect=_DEFECT)
            struck = simulate(faulty, rate_hz=_RATE_HZ, length=_LENGTH, start_s=start_s)
            samples = (struck * (samples.std() / struck.std())).astype(np.float32)
        yield speed_hz, samples


def series_of(case: Case, seed: int, recipe: Recipe) -> Series:
    """Return the features of a drive, the speed behind them."""
    given = InputSpec(
        kind="samples",
        channels=("x", "speed"),
        rate_hz=_RATE_HZ,
        unit="g",
        length=_LENGTH,
        hop=_LENGTH,
        period_s=_PERIOD_S,
        context=("speed",),
    )
    features = tuple(installed_spec(p.plugin, p.options) for p in recipe.features.plugins)
    extractor = window_extractor(features, given)
    vectors = [
        extractor.compute(np.column_stack((x, np.full(len(x), speed_hz, np.float32))))[0]
        for speed_hz, x in drive(case, seed)
    ]
    start_ns = np.arange(_WINDOWS, dtype=np.int64) * round(_PERIOD_S * 1e9)
    end_ns = start_ns + round(_LENGTH / _RATE_HZ * 1e9)
    gap = np.zeros(_WINDOWS, dtype=np.bool_)
    names = extractor.names
    return Series(given, features, names, np.array(vectors), start_ns, end_ns, gap)


def without_context(series: Series) -> Series:
    """Return the series of who was not told the speed."""
    given = msgspec.structs.replace(series.input, channels=("x",), context=())
    return replace(series, input=given, names=series.names[:-1], vectors=series.vectors[:, :-1])


def measure(recipe: Recipe, seed: int) -> Iterator[Row]:
    """Yield a row for each case and detector, with the speed and without."""
    cases: tuple[Case, ...] = ("healthy", "spectrum", "level", "new speed")
    every = {case: series_of(case, seed, recipe) for case in cases}
    for context in (True, False):
        seen = {c: s if context else without_context(s) for c, s in every.items()}
        shipped = learn(recipe, seen["healthy"], (0, _HEALTHY), seed).shipped
        parts: dict[Literal["all", "network", "level"], FlowSpec] = {
            "all": shipped.spec,
            "network": network_only(shipped.spec),
            "level": level_only(shipped.spec),
        }
        for case, series in seen.items():
            for detector, spec in parts.items():
                results = run(spec, shipped.model, series)
                alarms = judge(results, series, (0, _HEALTHY)).alarms
                late = [
                    max(a.opened, _CHANGE) - _CHANGE
                    for a in alarms
                    if a.closed is None or a.closed > _CHANGE
                ]
                bound = _CHANGE if case in ("spectrum", "level") else _WINDOWS
                yield Row(
                    case=case,
                    context=context,
                    detector=detector,
                    seed=seed,
                    false_alarms=sum(a.opened < bound for a in alarms),
                    delay=min(late, default=None) if bound == _CHANGE else None,
                    alarms_after=sum(a.opened >= _CHANGE for a in alarms),
                    unseen=count_reasons(results).get("regime", 0),
                )


def main() -> None:
    """Run all cases and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write all rows as JSON to this file")
    given = parser.parse_args()
    recipe, rows = load_recipe(given.recipe), list[Row]()
    for seed in range(given.seeds):
        for row in measure(recipe, seed):
            rows.append(row)
            sys.stdout.write(
                f"{row.case:<10} speed {'known  ' if row.context else 'unknown'}"
                f" {row.detector:<7} seed {row.seed}  false {row.false_alarms}"
                f"  delay {'-' if row.delay is None else row.delay}"
                f"  alarms after {row.alarms_after}  unseen {row.unseen}\n"
            )
            sys.stdout.flush()
        if given.out is not None:
            given.out.write_bytes(msgspec.json.encode(rows))


if __name__ == "__main__":
    main()
