"""Times as messages and result files spell them."""

from datetime import UTC, datetime

_NS = 1_000_000_000


def rfc3339(time_ns: int) -> str:
    """Return UTC nanoseconds since the Unix epoch as RFC 3339 with microseconds and ``Z``.

    >>> rfc3339(1_000_001_000)
    '1970-01-01T00:00:01.000001Z'
    """
    seconds, ns = divmod(time_ns, _NS)
    moment = datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")
    return f"{moment.removesuffix('+00:00')}.{ns // 1000:06d}Z"
