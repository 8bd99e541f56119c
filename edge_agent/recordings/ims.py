"""IMS bearing data: text files named by their time, one burst every ten minutes.

Source of the format: J. Lee, H. Qiu, G. Yu, J. Lin and Rexnord Technical Services (2007), "Bearing
Data Set", IMS, University of Cincinnati, NASA Ames Prognostics Data Repository, and its readme.
The rate is the nominal one. No unit is documented, so it is None unless the user knows better.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_agent.recordings.burst_folder import BurstFiles
from edge_agent.recordings.bursts import BurstRecording
from edge_agent.recordings.recording import (
    RecordingError,
    RecordingOptions,
    nominal_rate_hz,
    numbered_channels,
)

RATE_HZ = 20_000.0
PERIOD_S = 600.0
_NAME = re.compile(r"\d{4}(\.\d\d){5}", re.ASCII)
_FORMAT = "%Y.%m.%d.%H.%M.%S"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_ims_name(name: str) -> bool:
    """Whether a file is named like 2004.02.12.10.32.39."""
    return _NAME.fullmatch(name) is not None


def ims_time_ns(name: str) -> int | None:
    """Nanoseconds since 1970 that a name like 2004.02.12.10.32.39 says, read as UTC, or None."""
    if not is_ims_name(name) or not "1970" <= name[:4] < "2200":  # what fits 64 bit nanoseconds
        return None
    try:
        time = datetime.strptime(name, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000


def read_ims(path: Path, files: Sequence[Path], options: RecordingOptions) -> BurstRecording:
    """Read ``files``, sorted by name; channels are b1, b2, ... by column.

    Raises:
        RecordingError: a name is no time, or the first file is damaged.
    """
    starts_ns = []
    for file in files:
        start_ns = ims_time_ns(file.name)
        if start_ns is None:
            raise RecordingError(file, "the name is no time, allowed: YYYY.MM.DD.HH.MM.SS")
        starts_ns.append(start_ns)
    bursts = BurstFiles.measured(files, lambda _line: None)
    return BurstRecording(
        path=path,
        channels=numbered_channels(bursts.columns, "b"),
        rate_hz=nominal_rate_hz(RATE_HZ, options),
        unit=options.unit,
        period_s=PERIOD_S,
        burst_length=bursts.rows,
        starts_ns=starts_ns,
        read=bursts.read,
    )
