"""Whether healthy windows have a season, and which: decided by how well other days foretell a day.

A profile is judged, and everything after it calibrated, on windows that it was not made from: each
cycle is foretold from the others. Otherwise a profile of two weeks would explain half of what is
chance, and scaler and threshold would be too narrow for the weeks to come.

What counts is what the season tells beyond the last few windows: a daily course in windows of one
minute changes so little from one to the next that a network's memory has it already, and a profile
would add its own noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.scaler import robust_location_scale
from edge_agent.pipeline.season import DAY_S, Mode, Period, SeasonSpec, bin_count, bin_of
from edge_agent.pipeline.smoothing import SmoothingSpec

Table = NDArray[np.float64]

_NS = 1_000_000_000
_WEEK_S = 7 * DAY_S
_LEAST_DAYS = 7  # a few days may look alike by chance, and a profile of them is mostly noise
_LEAST_WEEKS = 2
_SIMPLER = 0.02  # of explained variance: what a finer profile must bring to be taken
_MODES: tuple[Mode, ...] = ("ratio", "difference")
_BINS_S = tuple(s for s in range(60, DAY_S + 1, 60) if DAY_S % s == 0)
_DAY_KINDS = np.array([0, 0, 0, 0, 0, 1, 2])  # of weekdays: workdays are alike, rest days are not


class SeasonChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a season is looked for.

    Attributes:
        period: of the profile; ``auto`` takes the day, the day by kind of day (workday, Saturday,
            Sunday) or the week, whichever foretells best.
        bin_s: least seconds of a bin; at least the time from window to window is taken.
        mode: see pipeline.season; ``auto`` takes for each feature what foretells better.
        statistic: of the windows in a bin.
        least_explained: least share of a feature's variance that its season must foretell, of
            windows that it was not made from; a feature below it has no season. 0: every feature
            has one, and only the length of the healthy part can be too little.
        beyond_windows: variance is that of the difference to the mean of so many windows before.
        average_s: where at least half of the features have a season, and no feature is the level
            of a vibration, scores are averaged over
            about so many seconds, because a changed habit is a little wrong for long; None: as
            without.
        utc_offset_s: see pipeline.season.
    """

    period: Literal["auto", "day", "week"] = "auto"
    bin_s: int = 1800
    mode: Literal["auto", "ratio", "difference"] = "auto"
    statistic: Literal["median", "mean"] = "median"
    least_explained: float = 0.25
    beyond_windows: int = 20
    average_s: float | None = None
    utc_offset_s: int = 0


@dataclass(frozen=True, slots=True)
class FoundSeason:
    """What was found.

    Attributes:
        spec: the profile of all windows.
        left: the windows without their season, each by a profile of other cycles, float32 (n, F).
        explained: share of each feature's variance foretold, float64 (F,); 0 for the others.
        period_s: from window to window.
    """

    spec: SeasonSpec
    left: NDArray[np.float32]
    explained: NDArray[np.float64]
    period_s: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A profile: cells are what it has a number for; ``spread`` takes each bin to its cell."""

    period: Period
    cells: NDArray[np.intp]
    spread: NDArray[np.intp]


def find_season(
    choice: SeasonChoice | None,
    vectors: NDArray[np.float32],
    start_ns: NDArray[np.int64],
) -> FoundSeason | None:
    """Return the season of healthy windows, or None where there is none or too little to tell.

    Args:
        choice: how to look; None does not.
        vectors: float32 (n, F), all finite.
        start_ns: when they began, int64 (n,), rising, UTC nanoseconds.
    """
    period_s = float(np.median(np.diff(start_ns))) / _NS
    if choice is None or not 0.0 < period_s <= DAY_S / 2:
        return None
    bin_s = next(s for s in _BINS_S if s >= max(choice.bin_s, period_s))
    span_s = float(start_ns[-1] - start_ns[0]) / _NS + period_s
    candidates = list(_candidates(choice, start_ns, bin_s, span_s))
    if not candidates:
        return None
    values = vectors.astype(np.float64)
    weekly = span_s >= _LEAST_WEEKS * _WEEK_S
    fold = _folds(start_ns, _WEEK_S if weekly else DAY_S, span_s)
    tried = [_foretell(choice, c, values, fold) for c in candidates]
    worth = [float(np.maximum(found.explained, 0.0).mean()) for found in tried]
    best = 0
    for i, found in enumerate(worth):
        if found > worth[best] + _SIMPLER:
            best = i
    return _season(choice, candidates[best], tried[best], (vectors, values), (bin_s, period_s))


def averaged(
    smoothing: SmoothingSpec, choice: SeasonChoice | None, season: FoundSeason | None
) -> SmoothingSpec:
    """Return how scores are to be averaged, ``smoothing`` or something slower."""
    if choice is None or choice.average_s is None or season is None:
        return smoothing
    if len(season.spec.features) < len(season.explained) / 2:
        return smoothing
    windows = choice.average_s / season.period_s
    if windows <= smoothing.span or smoothing.kind == "cusum":
        return smoothing
    # not of logarithms: a few hours far off their habit are as telling as a day a little off it
    return msgspec.structs.replace(
        smoothing, length=round(windows), alpha=2.0 / (windows + 1.0), geometric=False
    )


@dataclass(frozen=True, slots=True)
class _Foretold:
    """Each window's usual value by other cycles, the better mode and what it explains."""

    usual: Table
    ratio: NDArray[np.bool_]
    explained: NDArray[np.float64]


def _candidates(
    choice: SeasonChoice, start_ns: NDArray[np.int64], bin_s: int, span_s: float
) -> list[_Candidate]:
    """Return what the healthy span allows, the simplest first."""
    in_day, in_week = bin_count("day", bin_s), bin_count("week", bin_s)
    found: list[_Candidate] = []
    if choice.period != "week" and span_s >= _LEAST_DAYS * DAY_S:
        cells = bin_of(start_ns, "day", bin_s, choice.utc_offset_s).astype(np.intp)
        found.append(_Candidate("day", cells, np.arange(in_day)))
    if choice.period != "day" and span_s >= _LEAST_WEEKS * _WEEK_S:
        number = bin_of(start_ns, "week", bin_s, choice.utc_offset_s).astype(np.intp)
        weekday, hour = np.divmod(np.arange(in_week), in_day)
        kinds = _DAY_KINDS[weekday] * in_day + hour
        if choice.period == "auto":
            found.append(_Candidate("week", kinds[number], kinds))
        found.append(_Candidate("week", number, np.arange(in_week)))
    return found


def _folds(start_ns: NDArray[np.int64], cycle_s: int, span_s: float) -> NDArray[np.intp]:
    """Number the cycles; what is left over at the end belongs to the last whole one."""
    cycle: NDArray[np.int64] = (start_ns - start_ns[0]) // (cycle_s * _NS)
    return np.minimum(cycle, int(span_s // cycle_s) - 1).astype(np.intp)


def _foretell(
    choice: SeasonChoice, candidate: _Candidate, values: Table, fold: NDArray[np.intp]
) -> _Foretold:
    usual = np.empty_like(values)
    for cycle in np.unique(fold):
        this = fold == cycle
        table = _table(choice.statistic, candidate, values[~this], candidate.cells[~this])
        usual[this] = table[candidate.cells[this]]
    shares = {m: _explained(m, values, usual, choice.beyond_windows) for m in _MODES}
    positive = (values > 0.0).all(axis=0) & (usual > 0.0).all(axis=0)
    ratio = positive & (choice.mode != "difference")
    if choice.mode == "auto":
        ratio &= shares["ratio"] >= shares["difference"]
    return _Foretold(usual, ratio, np.where(ratio, shares["ratio"], shares["difference"]))


def _table(statistic: str, candidate: _Candidate, values: Table, cells: NDArray[np.intp]) -> Table:
    """Return each cell's statistic, (cells, F); a cell without windows gets its neighbours'."""
    count = int(candidate.spread.max()) + 1
    average: Callable[..., Table] = np.median if statistic == "median" else np.mean
    order = np.argsort(cells, kind="stable")
    filled, first = np.unique(cells[order], return_index=True)
    parts = np.split(values[order], first[1:])
    known = np.array([average(part, axis=0) for part in parts])
    if len(filled) == count:
        return known
    at = np.arange(count)
    columns = [np.interp(at, filled, column, period=count) for column in known.T]
    return np.stack(columns, axis=1)


def _explained(mode: Mode, values: Table, usual: Table, beyond: int) -> NDArray[np.float64]:
    """Return the share of each column's variance that ``usual`` foretells.

    By robust scales or by standard deviations, whichever is less: a column that rarely moves has
    quartiles that say nothing.
    """
    if mode == "ratio":
        values, usual = (np.log(np.maximum(a, np.finfo(np.float64).tiny)) for a in (values, usual))
    whole, left = _news(values, beyond), _news(values - usual, beyond)
    shares = [
        1.0 - np.square(after / np.where(before > 0.0, before, after + 1.0))
        for before, after in (
            (robust_location_scale(whole)[1], robust_location_scale(left)[1]),
            (whole.std(axis=0), left.std(axis=0)),
        )
    ]
    return np.where(np.ptp(values, axis=0) > 0.0, np.minimum(*shares), 0.0)


def _news(y: Table, beyond: int) -> Table:
    """Return each row's difference to the mean of up to ``beyond`` rows before it."""
    total = np.concatenate((np.zeros((1, y.shape[1])), np.cumsum(y, axis=0)))
    last = np.arange(1, len(y))
    first = np.maximum(last - beyond, 0)
    mean: Table = (total[last] - total[first]) / (last - first)[:, None]
    return y[1:] - mean


def _season(
    choice: SeasonChoice,
    candidate: _Candidate,
    found: _Foretold,
    windows: tuple[NDArray[np.float32], Table],
    seconds: tuple[int, float],
) -> FoundSeason | None:
    (vectors, values), (bin_s, period_s) = windows, seconds
    least = choice.least_explained
    chosen = found.explained >= (least if least > 0.0 else -np.inf)
    columns = np.flatnonzero(chosen)
    if not len(columns):
        return None
    table = _table(choice.statistic, candidate, values, candidate.cells)[candidate.spread]
    ratio = found.ratio & (table > 0.0).all(axis=0)
    centre = np.median(values, axis=0)
    left = vectors.copy()
    profile = []
    for i in columns:
        if ratio[i]:
            profile.append(table[:, i] / centre[i])
            left[:, i] = values[:, i] * centre[i] / found.usual[:, i]
        else:
            profile.append(table[:, i] - centre[i])
            left[:, i] = values[:, i] - found.usual[:, i] + centre[i]
    spec = SeasonSpec(
        period=candidate.period,
        bin_s=bin_s,
        utc_offset_s=choice.utc_offset_s,
        features=tuple(int(i) for i in columns),
        mode=tuple("ratio" if ratio[i] else "difference" for i in columns),
        profile=tuple(tuple(float(v) for v in numbers) for numbers in profile),
    )
    return FoundSeason(spec, left, np.where(chosen, found.explained, 0.0), period_s)
