"""What the column names of a table say: features of channels, times, row numbers, labels."""

import re
from collections.abc import Sequence

_ALIASES = {"max": "peak", "kurt": "kurtosis", "skew": "skewness"}
_FEATURES = (
    "mean_abs",
    "rms",
    "peak",
    "peak_to_peak",
    "crest_factor",
    "kurtosis",
    "skewness",
    "shape_factor",
    "impulse_factor",
    "clearance_factor",
    "velocity_rms",
    "mean",
    "std",
    "var",
    "min",
    *_ALIASES,
)
# Longest first: b1_mean_abs is the mean_abs of b1, not the abs of b1_mean.
_FEATURE_COLUMN = re.compile(
    rf"(.+)_({'|'.join(sorted(_FEATURES, key=len, reverse=True))}|(?:band_)?(?:band|energy)_?\d+)",
    re.IGNORECASE,
)
_TIMES = (
    "time",
    "timestamp",
    "datetime",
    "date_time",
    "date",
    "file_time",
    "ts",
    "time_s",
    "time_ms",
    "time_us",
    "time_ns",
    "start_ns",
)
_FILE_NAMES = ("file_name", "filename", "file")
_ROW_NUMBERS = ("", "unnamed: 0", "index", "row", "file_index", "file_number")
_LABELS = ("label", "labels", "anomaly", "is_anomaly")


def canonical_column(name: str) -> str:
    """Write a column CHANNEL_FEATURE with the feature's own name: b1_kurt is b1_kurtosis.

    Any other name stays as it is.
    """
    match = _FEATURE_COLUMN.fullmatch(name)
    if match is None:
        return name
    feature = match[2].lower()
    return f"{match[1]}_{_ALIASES.get(feature, feature)}"


def is_feature_column(name: str) -> bool:
    """Whether ``name`` is CHANNEL_FEATURE with a feature that is known."""
    return _FEATURE_COLUMN.fullmatch(name) is not None


def channel_of_columns(columns: Sequence[str]) -> dict[str, str]:
    """Say for each column which channel it belongs to, in the order of the columns.

    A column of an unknown feature belongs to the channel that its name starts with where another
    column shows that there is one (b1_bpfo beside b1_rms); else it is a channel of its own.
    """
    known = {
        name: match[1] for name in columns if (match := _FEATURE_COLUMN.fullmatch(name)) is not None
    }
    owners = sorted(set(known.values()), key=len, reverse=True)
    return {
        name: known.get(name)
        or next((owner for owner in owners if name.startswith(f"{owner}_")), name)
        for name in columns
    }


def time_columns(names: Sequence[str]) -> list[int]:
    """Indices of the columns that may tell the time, the best first, file names last."""
    lowered = [name.lower() for name in names]
    return [lowered.index(wanted) for wanted in (*_TIMES, *_FILE_NAMES) if wanted in lowered]


def is_file_name_column(name: str) -> bool:
    """Whether a column holds file names, which may or may not be times."""
    return name.lower() in _FILE_NAMES


def value_columns(names: Sequence[str]) -> list[int]:
    """Indices of the columns that hold values: not times, row numbers or labels."""
    others = {*_TIMES, *_FILE_NAMES, *_ROW_NUMBERS, *_LABELS}
    return [i for i, name in enumerate(names) if name.lower() not in others]
