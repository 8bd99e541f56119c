"""How times are written for a reader."""

_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S
_ONE_TO_THE_NEXT = 2  # below two of a unit, the next smaller one reads better


def position(window: int, period_s: float | None) -> str:
    """Return how long after the start ``window`` begins; its number where there is no time.

    >>> position(507, 600.0)
    '3 d 12:30'
    >>> position(1225, 10.0)
    '03:24:10'
    """
    if period_s is None:
        return f"window {window}"
    elapsed_s = window * period_s
    hours, seconds = divmod(int(elapsed_s), _HOUR_S)
    minutes, seconds = divmod(seconds, _MINUTE_S)
    if period_s >= _MINUTE_S:
        return f"{hours // 24} d {hours % 24:02}:{minutes:02}"
    whole = f"{hours:02}:{minutes:02}:{seconds:02}"
    return whole if period_s >= 1 else f"{whole}.{int(elapsed_s * 10) % 10}"


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units.

    >>> duration(97800)
    '1 d 3 h'
    >>> duration(200)
    '3 min 20 s'
    """
    whole = round(seconds)
    for unit_s, unit, next_s, next_unit in (
        (_DAY_S, "d", _HOUR_S, "h"),
        (_HOUR_S, "h", _MINUTE_S, "min"),
        (_MINUTE_S, "min", 1, "s"),
    ):
        if whole >= unit_s:
            rest = whole % unit_s // next_s
            return f"{whole // unit_s} {unit}" + (f" {rest} {next_unit}" if rest else "")
    return f"{seconds:.1f} s"


def span(windows: int, period_s: float | None) -> str:
    """Return how long ``windows`` last; their number where there is no time."""
    return f"{windows} windows" if period_s is None else duration(windows * period_s)


def scale(windows: int, period_s: float | None) -> tuple[float, str]:
    """Return the unit for the axis of a picture: how much of it a window is, and its name."""
    if period_s is None:
        return 1.0, "window"
    for unit_s, unit in ((_DAY_S, "days"), (_HOUR_S, "hours"), (_MINUTE_S, "minutes")):
        if windows * period_s >= _ONE_TO_THE_NEXT * unit_s:
            return period_s / unit_s, unit
    return period_s, "seconds"
