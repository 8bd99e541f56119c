"""FEMTO (PRONOSTIA) bearing data: acc_NNNNN.csv, a burst of 0.1 s every ten seconds.

Source of the format: P. Nectoux et al., "PRONOSTIA: An Experimental Platform for Bearings
Accelerated Life Test", IEEE PHM 2012. Columns: hour, minute, second, microsecond, horizontal and
vertical acceleration in g, separated by commas or, in some archives, by semicolons.

The clock of the recordings jumps (in bearing 1_1 back and forth again), so the time of a burst is
its file number times ten seconds, counted from 1970.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from edge_agent.recordings.burst_folder import BurstFiles
from edge_agent.recordings.bursts import BurstRecording
from edge_agent.recordings.continuous import NS
from edge_agent.recordings.number_rows import delimiter_of
from edge_agent.recordings.recording import RecordingError, RecordingOptions, nominal_rate_hz

RATE_HZ = 25_600.0
PERIOD_S = 10.0
UNIT = "g"
CHANNELS = ("horizontal", "vertical")
_NAME = re.compile(r"acc_(\d{1,8})\.csv", re.ASCII | re.IGNORECASE)
_CLOCK_COLUMNS = 4


def is_femto_name(name: str) -> bool:
    """Whether a file is named like acc_00001.csv."""
    return _NAME.fullmatch(name) is not None


def femto_time_ns(file_number: int) -> int:
    """Time of a burst by its number."""
    return file_number * round(PERIOD_S) * NS


def read_femto(path: Path, files: Sequence[Path], options: RecordingOptions) -> BurstRecording:
    """Read ``files``; their numbers give the order.

    Raises:
        RecordingError: two files have the same number, or the first file is damaged.
    """
    by_number: dict[int, Path] = {}
    for file in files:
        number = int(_NAME.sub(r"\1", file.name))
        if number in by_number:
            raise RecordingError(file, f"has the same number as {by_number[number].name}")
        by_number[number] = file
    numbers = sorted(by_number)
    columns = _CLOCK_COLUMNS + len(CHANNELS)
    bursts = BurstFiles.measured(
        [by_number[number] for number in numbers],
        delimiter_of,
        use=range(_CLOCK_COLUMNS, columns),
        columns=columns,
    )
    return BurstRecording(
        path=path,
        channels=CHANNELS,
        rate_hz=nominal_rate_hz(RATE_HZ, options),
        unit=options.unit or UNIT,
        period_s=PERIOD_S,
        burst_length=bursts.rows,
        starts_ns=[femto_time_ns(number) for number in numbers],
        read=bursts.read,
    )
