"""How the default recipe stands on real runs to failure when the healthy part is moved.

    python -m benchmarks.shifts --data ../shared/data [--out shifts.json] [--shifts 10]

Trains for every recording and shift, replays the whole recording and holds the alarms against what
is known of it: IMS test 2, bearing 1 by file 536 with nothing before 500 on any bearing; FEMTO 1_1
an alarm opening in 1200:1450, 1_2 in 800:830, at most one before it that closes within 50 windows.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.calibration.series import Series
from edge_agent.recordings import RecordingOptions, open_recording
from trainer.data import input_spec, read_series
from trainer.evaluate import Alarm, Parity, compare, judge, run
from trainer.learn import learn
from trainer.recipe import Recipe, load_recipe

_IMS = Path("ims_2nd_test/ims_2nd_test_features.csv")
_LONGEST_EARLY = 50


@dataclass(frozen=True, slots=True)
class Case:
    """A recording with its healthy part and, for FEMTO, where an alarm must open."""

    name: str
    path: Path
    channels: tuple[str, ...]
    healthy: tuple[int, int]
    opens: tuple[int, int] | None
    shifts: tuple[int, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one training."""

    case: str
    shift: int
    seed: int
    alarms: tuple[Alarm, ...]
    first_alarm: int | None
    parity: Parity
    passed: bool


def cases(count: int) -> Iterator[Case]:
    """Yield the recordings, each with the base position and ``count`` shifts of up to 100."""
    around = tuple(round(-90 + 180 * i / (count - 1)) for i in range(count)) if count > 1 else ()
    later = tuple(round(100 * (i + 1) / count) for i in range(count))
    for bearing in ("b1", "b2", "b3", "b4"):
        yield Case(f"IMS {bearing}", _IMS, (bearing,), (0, 400), None, (0, *later))
    for name, healthy, opens in (
        ("Bearing1_1", (200, 900), (1200, 1450)),
        ("Bearing1_2", (100, 500), (800, 830)),
    ):
        yield Case(f"FEMTO {name}", Path(f"femto/{name}.npz"), (), healthy, opens, (0, *around))


def passes(case: Case, alarms: tuple[Alarm, ...], start: int) -> bool:
    """Hold the alarms of one recording against what is asked of it."""
    if case.opens is None:
        early = [a for a in alarms if a.opened < 500]  # noqa: PLR2004 - the healthy files
        in_time = any(a.opened <= 536 for a in alarms)  # noqa: PLR2004 - the onset
        return not early and (in_time or case.channels != ("b1",))
    first, last = case.opens
    before = [a for a in alarms if start <= a.opened < first]
    short = all(a.closed is not None and a.closed - a.opened <= _LONGEST_EARLY for a in before)
    return len(before) <= 1 and short and any(first <= a.opened < last for a in alarms)


def evaluate(case: Case, series: Series, recipe: Recipe, shift: int, seed: int) -> Row:
    """Train on the shifted healthy part and replay the whole recording."""
    healthy = (case.healthy[0] + shift, case.healthy[1] + shift)
    learned = learn(recipe, series, healthy, seed)
    results = run(learned.shipped.spec, learned.shipped.model, series)
    assert learned.network is not None  # noqa: S101 - the default recipe has one
    in_float = run(learned.network.in_float.spec, learned.network.in_float.model, series)
    found = judge(results, series, healthy)
    return Row(
        case=case.name,
        shift=shift,
        seed=seed,
        alarms=found.alarms,
        first_alarm=found.first_alarm,
        parity=compare(results, in_float, series, healthy),
        passed=passes(case, found.alarms, case.healthy[0]),
    )


def main() -> None:
    """Run all cases and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--shifts", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write all alarms as JSON to this file")
    given = parser.parse_args()
    recipe, rows = load_recipe(given.recipe), list[Row]()
    for case in cases(given.shifts):
        recording = open_recording(given.data / case.path, RecordingOptions(channels=case.channels))
        series = read_series(recording, recipe, input_spec(recording, recipe))
        for shift in case.shifts:
            for seed in range(given.seeds if shift == 0 else 1):
                row = evaluate(case, series, recipe, shift, seed)
                rows.append(row)
                opened = [f"{a.opened}-{a.closed or ''}" for a in row.alarms]
                sys.stdout.write(
                    f"{row.case:<18} shift {shift:>4} seed {seed}  {'ok ' if row.passed else 'NO '}"
                    f" flipped {100 * row.parity.flipped_share:.3f} %"
                    f" float first {row.parity.float_first_alarm}"
                    f"  alarms {', '.join(opened[:6])}\n"
                )
                sys.stdout.flush()
        if given.out is not None:
            given.out.write_bytes(msgspec.json.encode(rows))


if __name__ == "__main__":
    main()
