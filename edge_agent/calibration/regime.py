"""Which regimes a healthy machine was seen in, and what is usual in each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import RegimeChoice
from edge_agent.calibration.kinds import AMPLITUDES, BAND, split_name
from edge_agent.calibration.scaler import LEAST_LOG_SCALE, robust_location_scale
from edge_agent.calibration.series import DataError
from edge_agent.pipeline.regime import Regime, Regimes, RegimeSpec, as_y

Table = NDArray[np.float64]
Rows = NDArray[np.intp]

_LEAST_SPAN = 0.2  # of the median: a machine at one speed does not keep it to the last digit
_NARROW = 0.1  # of the span: a regime that is not divided further
_RIDGE = 0.05  # of the span: contexts that vary less than this tell no slope
_AROUND = 0.25  # of the span: how far a regime's neighbours have a say in its slope
_POOLED = 20  # windows that the pooled scale counts as
_FOLDS = 5
_CUT = 4.0  # in robust scales: a few wild windows must not turn a slope


@dataclass(frozen=True, slots=True)
class FoundRegimes:
    """What was found.

    Attributes:
        spec: the regimes of all windows.
        kept: which windows are of one of them, bool (n,).
        left: the features of those windows without context and freed of their regime, each by a
            fit to other windows, float32.
    """

    spec: RegimeSpec
    kept: NDArray[np.bool_]
    left: NDArray[np.float32]


def find_regimes(
    choice: RegimeChoice,
    context: tuple[str, ...],
    names: tuple[str, ...],
    vectors: NDArray[np.float32],
) -> FoundRegimes | None:
    """Return the regimes of healthy ``vectors``, float32 (n, F), all finite; None without context.

    The context is cut where nothing was seen between, then halved where it is widest as long as
    both halves have enough windows. In each regime a feature is a line over the context,
    whose slope is drawn to that of the windows around and whose scale to that of all regimes.

    Raises:
        DataError: no regime has enough windows.
    """
    columns = [names.index(name) for name in context]
    if not columns:
        return None
    others = [i for i in range(len(names)) if i not in columns]
    c = vectors[:, columns].astype(np.float64)
    middle = np.median(c, axis=0) if len(c) else np.zeros(len(columns))
    reach = np.ptp(np.quantile(c, (0.05, 0.95), axis=0), axis=0) if len(c) else middle
    span = np.maximum(np.maximum(reach, _LEAST_SPAN * np.abs(middle)), 1e-9)
    groups = divide(choice, c / span)
    if not groups:
        raise DataError(
            f"context {', '.join(context)}: no regime among {len(c)} healthy windows, allowed: at"
            f" least {choice.least_windows} windows of like context"
        )
    logarithm = np.array([_is_size(names[i]) and bool((vectors[:, i] > 0).all()) for i in others])
    y = as_y(vectors[:, others], logarithm)
    fits = _fits(groups, c, y, span, logarithm)
    spec = _spec(choice, fits, (columns, others), span, logarithm)
    left = vectors[:, others].copy()
    for fold in range(_FOLDS):
        part = [(_others(rows, fold), rows[fold::_FOLDS]) for rows in groups]
        own = _fits([rest for rest, _ in part], c, y, span, logarithm, [f.rows for f in fits])
        stage = Regimes(_spec(choice, own, (columns, others), span, logarithm), names)
        for regime, (_, rows) in enumerate(part):
            for i in rows:
                left[i] = stage.remove(vectors[i], regime)
    kept = np.zeros(len(c), dtype=np.bool_)
    kept[np.concatenate(groups)] = True
    return FoundRegimes(spec, kept, left[kept])


def divide(choice: RegimeChoice, u: Table) -> list[Rows]:
    """Return the rows of each regime of contexts ``u``, (n, contexts) in spans."""
    waiting, whole = [np.arange(len(u))], list[Rows]()
    while waiting:
        rows = waiting.pop()
        if len(rows) < choice.least_windows:
            continue
        parts = _split_at_gap(u, rows, 2.0 * choice.margin)
        (waiting if len(parts) > 1 else whole).extend(parts)
    while len(whole) < choice.most:
        halves = [_halve(u, rows, choice.least_windows) for rows in whole]
        gains = [0.0 if half is None else half[0] for half in halves]
        widest = int(np.argmax(gains)) if gains else 0
        if not gains or gains[widest] <= 0.0:
            break
        chosen = halves[widest]
        assert chosen is not None  # noqa: S101 - it has a gain
        whole[widest : widest + 1] = chosen[1:]
    return sorted(whole, key=lambda rows: tuple(u[rows].mean(axis=0)))


@dataclass(frozen=True, slots=True)
class _Fit:
    rows: Rows
    center: Table
    low: Table
    high: Table
    location: Table
    slope: Table
    scale: Table


def _fits(
    groups: list[Rows],
    c: Table,
    y: Table,
    span: Table,
    logarithm: NDArray[np.bool_],
    seen: list[Rows] | None = None,
) -> list[_Fit]:
    """Fit a line to each group; ``seen`` are the rows that tell its range, else its own."""
    pairs = zip(groups, seen or groups, strict=True)
    every = np.concatenate(groups)
    fits = [_fit(rows, every, c, y, span, whole) for rows, whole in pairs]
    sizes = np.array([len(f.rows) for f in fits], dtype=np.float64)[:, None]
    squares = np.array([np.square(f.scale) for f in fits])
    pooled = (sizes * squares).sum(axis=0) / sizes.sum()
    shrunk = np.sqrt((sizes * squares + _POOLED * pooled) / (sizes + _POOLED))
    least = np.where(logarithm, LEAST_LOG_SCALE, 1e-9)
    return [
        _Fit(f.rows, f.center, f.low, f.high, f.location, f.slope, np.maximum(s, least))
        for f, s in zip(fits, shrunk, strict=True)
    ]


def _fit(rows: Rows, every: Rows, c: Table, y: Table, span: Table, seen: Rows) -> _Fit:
    center = np.median(c[seen], axis=0)
    around = (c[every] - center) / span
    near = np.exp(-0.5 * np.square(around / _AROUND).sum(axis=1))
    usual = _slope(around, y[every], near, np.zeros((len(span), y.shape[1])))
    moved, values = (c[rows] - center) / span, y[rows]
    slope = _slope(moved, values, np.ones(len(rows)), usual)
    location, scale = robust_location_scale(values - moved @ slope)
    free = max(1, len(rows) - 1 - len(span))
    return _Fit(
        rows,
        center,
        c[seen].min(axis=0),
        c[seen].max(axis=0),
        location,
        slope / span[:, None],
        scale * np.sqrt(len(rows) / free),
    )


def _slope(x: Table, y: Table, weights: Table, usual: Table) -> Table:
    """Fit y = a + x @ slope by least squares with the ``weights``, drawn to the ``usual`` slope."""
    rest = y - x @ usual
    location, scale = robust_location_scale(rest)
    tame = np.clip(rest - location, -_CUT * scale, _CUT * scale)
    x = x - np.average(x, axis=0, weights=weights)
    ridge = weights.sum() * _RIDGE**2 * np.eye(x.shape[1])
    weighted = x * weights[:, None]
    slope: Table = usual + np.linalg.solve(x.T @ weighted + ridge, weighted.T @ tame)
    return slope


def _spec(
    choice: RegimeChoice,
    fits: list[_Fit],
    columns: tuple[list[int], list[int]],
    span: Table,
    logarithm: NDArray[np.bool_],
) -> RegimeSpec:
    weights = np.array([len(f.rows) for f in fits], dtype=np.float64)
    location = np.average([f.location for f in fits], axis=0, weights=weights)
    scale = np.sqrt(np.average([np.square(f.scale) for f in fits], axis=0, weights=weights))
    return RegimeSpec(
        context=tuple(columns[0]),
        span=tuple(span.tolist()),
        margin=choice.margin,
        features=tuple(columns[1]),
        logarithm=tuple(bool(x) for x in logarithm),
        location=tuple(location.tolist()),
        scale=tuple(scale.tolist()),
        regimes=tuple(
            Regime(
                center=tuple(f.center.tolist()),
                low=tuple(f.low.tolist()),
                high=tuple(f.high.tolist()),
                windows=len(f.rows),
                location=tuple(f.location.tolist()),
                slope=tuple(tuple(row) for row in f.slope.tolist()),
                scale=tuple(f.scale.tolist()),
            )
            for f in fits
        ),
    )


def _split_at_gap(u: Table, rows: Rows, apart: float) -> list[Rows]:
    """Cut ``rows`` at the widest gap of any context that is wider than ``apart``."""
    for axis in range(u.shape[1]):
        order = rows[np.argsort(u[rows, axis], kind="stable")]
        gaps = np.diff(u[order, axis])
        if len(gaps) and gaps.max() > apart:
            at = int(np.argmax(gaps)) + 1
            return [order[:at], order[at:]]
    return [rows]


def _halve(u: Table, rows: Rows, least: int) -> tuple[float, Rows, Rows] | None:
    """Cut ``rows`` in two along the widest context so that the squares left are fewest.

    Returns:
        By how much the sum of squares falls, and the two parts; None where it is narrow already or
        one part would be too small.
    """
    width = np.ptp(u[rows], axis=0)
    axis = int(np.argmax(width))
    if len(rows) < 2 * least or width[axis] <= _NARROW:
        return None
    order = rows[np.argsort(u[rows, axis], kind="stable")]
    x = u[order, axis] - u[order, axis].mean()
    n = np.arange(1, len(x))
    before = np.cumsum(x)[:-1]
    gain = np.square(before) / n + np.square(before) / (len(x) - n)  # the mean is 0
    allowed = slice(least - 1, len(x) - least)
    at = least + int(np.argmax(gain[allowed]))
    return float(gain[at - 1]), order[:at], order[at:]


def _others(rows: Rows, fold: int) -> Rows:
    picked: Rows = rows[np.arange(len(rows)) % _FOLDS != fold]
    return picked


def _is_size(name: str) -> bool:
    feature = split_name(name)[1]
    return feature in AMPLITUDES or feature.startswith(BAND)
