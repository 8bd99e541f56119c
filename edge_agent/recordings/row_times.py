"""The times of a table's rows, from texts or numbers, and the period they keep."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings.continuous import NS
from edge_agent.recordings.ims import ims_time_ns
from edge_agent.recordings.number_rows import is_number

ROW_PERIOD_S = 60.0  # of tables without a time column: metrics are mostly taken once a minute
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NS = 2**63 - 1
_SUFFIX = re.compile(r".*_(s|ms|us|ns)")
_NS_OF = {"s": NS, "ms": 1_000_000, "us": 1000, "ns": 1}
_LARGE = ((1e17, 1), (1e14, 1000), (1e11, 1_000_000))
ALLOWED = "ISO 8601, YYYY.MM.DD.HH.MM.SS or a number of seconds, all from 1970 on"


def time_ns(text: str, column: str) -> int | None:
    """Nanoseconds since 1970 that a cell says, or None where it says no time from 1970 on.

    ISO 8601 and IMS file names without a zone are read as UTC. A number is seconds unless the
    column's name ends in _ms, _us or _ns, or it is so large that, as export from databases, it
    can only be milliseconds (above 1e11), microseconds (1e14) or nanoseconds (1e17).
    """
    if is_number(text) and "date" not in column.lower():  # 20140701 is a number, but no seconds
        return _number_ns(text, column)
    ns = ims_time_ns(text)
    if ns is None:
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return None
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        ns = (time - _EPOCH) // timedelta(microseconds=1) * 1000
    return ns if 0 <= ns <= _LATEST_NS else None


def _number_ns(text: str, column: str) -> int | None:
    value = float(text)
    if not 0 <= value < float(_LATEST_NS):
        return None
    suffix = _SUFFIX.fullmatch(column.lower())
    large = next((ns for limit, ns in _LARGE if value > limit), NS)
    scale = _NS_OF[suffix[1]] if suffix else large
    # Whole numbers stay exact: nanoseconds since 1970 do not fit a double.
    ns = int(text) * scale if text.isdigit() else round(value * scale)
    return ns if ns <= _LATEST_NS else None


def period_s(starts_ns: NDArray[np.int64]) -> float:
    """Median seconds from row to row; a single row gets a minute."""
    steps = np.diff(starts_ns)
    return float(np.median(steps)) / NS if len(steps) else ROW_PERIOD_S


def first_not_after(starts_ns: Sequence[int]) -> int | None:
    """Index of the first row whose time is not after the row before, or None."""
    return next((i for i, (a, b) in enumerate(pairwise(starts_ns), start=1) if b <= a), None)
