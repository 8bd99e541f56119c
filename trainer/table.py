"""Feature tables: what ``edge-trainer features`` writes and any reader of recordings reads."""

import csv
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.calibration.series import Series
from edge_agent.disk import replacing


def write_table(path: Path, series: Series) -> None:
    """Write ``series`` as CSV: ``time`` (RFC 3339, UTC), then one column per feature.

    A number that could not be computed is ``nan``, which readers take as missing. The file is
    written whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path, durable=False) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("time", *series.names))
        for start_ns, vector in zip(series.start_ns, series.vectors, strict=True):
            seconds, rest = divmod(int(start_ns), 10**9)
            moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
            time = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
            writer.writerow((time, *(f"{value:.9g}" for value in vector)))
