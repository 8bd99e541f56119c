"""When a window was, for people."""

from datetime import UTC, datetime

from edge_agent.calibration.series import Series

_NS = 10**9
_DAYS_FROM_H = 100.0
_KNOWN_NS = 20 * 365 * 86_400 * _NS  # a recording that begins before 1990 counts from its own begin
_HOUR_S, _MINUTE_S = 3600.0, 60.0
_KEPT = "\u00a0"  # a space at which no line breaks
_DATE = f"%Y\u2011%m\u2011%d{_KEPT}%H:%M"  # nor at these hyphens


def is_dated(series: Series) -> bool:
    """Whether the recording says what day it was."""
    return bool(len(series.start_ns)) and int(series.start_ns[0]) >= _KNOWN_NS


def moment(series: Series, window: int) -> str:
    """Return when ``window`` began: date and time (UTC), or the time since the recording began.

    Empty where the recording states no times at all.
    """
    start_ns = int(series.start_ns[window])
    if is_dated(series):
        return datetime.fromtimestamp(start_ns // _NS, UTC).strftime(_DATE)
    if int(series.end_ns[-1]) == int(series.start_ns[0]):
        return ""
    return "+" + span((start_ns - int(series.start_ns[0])) / _NS)


def span(seconds: float) -> str:
    """Return a length of time in a unit that suits it."""
    if seconds < 2.0 * _MINUTE_S:
        return f"{seconds:.3g}{_KEPT}s"
    if seconds < 2.0 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.3g}{_KEPT}min"
    hours = seconds / _HOUR_S
    return f"{hours:.1f}{_KEPT}h" if hours < _DAYS_FROM_H else f"{hours / 24.0:.1f}{_KEPT}days"


def at(series: Series, window: int | None) -> str:
    """Return a window with its moment, ``none`` where there is none."""
    if window is None:
        return "none"
    when = moment(series, window)
    return f"{window} ({when})" if when else str(window)
