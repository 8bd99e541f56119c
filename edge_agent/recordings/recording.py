"""What a recording is, what may be said about one, and the error for everything wrong with one."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from edge_agent.plugin import Block

MAX_CHANNELS = 256  # more columns than this are rows stored as columns, not channels
MAX_DECIMATE = 1000
_SLOWEST_HZ, _FASTEST_HZ = 1e-3, 1e12  # beyond these, times in nanoseconds make no sense


class RecordingError(Exception):
    """A recording cannot be read; the text says what, where, what was found and what is allowed.

    Attributes:
        path: the file or folder that is wrong.
        problem: the text without the path.
    """

    def __init__(self, path: Path, problem: str) -> None:
        """Keep the two apart, so that a caller may print the path its own way."""
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class ExtraMissingError(RecordingError):
    """The file may be sound, but an extra that is needed to read it is not installed."""


class RecordingOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user says about a recording because its format does not.

    Attributes:
        channels: names or 0-based numbers of the channels to keep, in the order wanted; a name
            goes before a number; empty keeps all. In a feature table a channel means all of its
            columns, and numbers count channels, not columns.
        rate_hz: samples per second. Needed where the format states none; replaces the nominal
            rate of the bearing data sets; must agree with a rate that the file itself states.
        unit: unit of the samples, under the same rules.
        decimate: keep every n-th sample after an anti-aliasing filter, 1 to 1000.
    """

    channels: tuple[str, ...] = ()
    rate_hz: float | None = None
    unit: str | None = None
    decimate: int = 1

    def check(self, path: Path) -> None:
        """Raise RecordingError where a value is outside of what is allowed."""
        if self.rate_hz is not None:
            _check_rate(path, self.rate_hz, "rate_hz")
        if self.unit is not None and not self.unit.strip():
            raise RecordingError(path, f"unit is {self.unit!r}, allowed: a name such as 'g'")
        if not 1 <= self.decimate <= MAX_DECIMATE:
            raise RecordingError(
                path,
                f"decimate is {self.decimate}, allowed: a whole number from 1 to {MAX_DECIMATE}",
            )


class Recording(Protocol):
    """A recording that has been opened: its facts, and its blocks as often as wanted.

    A damaged place that only shows when it is read raises RecordingError from ``blocks``.
    """

    @property
    def path(self) -> Path:
        """The file or folder."""

    @property
    def kind(self) -> Literal["samples", "features"]:
        """``features``: every block is one row, its channels are the names of the features."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names in column order."""

    @property
    def rate_hz(self) -> float | None:
        """Samples per second and channel; None for features."""

    @property
    def unit(self) -> str | None:
        """Unit of the samples, None where nobody states one."""

    @property
    def period_s(self) -> float | None:
        """None for continuous samples, else the seconds between bursts (or rows of features)."""

    @property
    def burst_length(self) -> int | None:
        """Samples per channel of every block, None for continuous samples."""

    @property
    def length(self) -> int | None:
        """Samples per channel of a continuous recording, else the number of bursts or rows.

        None where only reading to the end would tell.
        """

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks from the first one on, reading as late as the format allows.

        Where the format tells no time, the first sample is at 0 ns (1970).

        Raises:
            RecordingError: the part just reached is damaged.
        """


def shown(text: object) -> str:
    """Quote ``text`` for a message, cut to a length that fits on a line."""
    quoted = repr(text)
    limit = 60
    return quoted if len(quoted) <= limit else quoted[:limit] + "..."


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Join ``names`` for a message, the first dozen of them."""
    limit = 12
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def required_rate_hz(path: Path, options: RecordingOptions, what: str) -> float:
    """Return the rate that the user gave; raise RecordingError where there is none."""
    if options.rate_hz is None:
        raise RecordingError(path, f"{what} states no sampling rate: give it with --rate-hz")
    return float(options.rate_hz)


def _check_rate(path: Path, rate_hz: float, where: str) -> None:
    if not _SLOWEST_HZ <= rate_hz <= _FASTEST_HZ:
        raise RecordingError(
            path, f"{where} is {rate_hz}, allowed: {_SLOWEST_HZ:g} to {_FASTEST_HZ:g} Hz"
        )


def nominal_rate_hz(nominal: float, options: RecordingOptions) -> float:
    """Return the rate that the user gave, else the one that the data set is known for."""
    return nominal if options.rate_hz is None else float(options.rate_hz)


def agreed_rate_hz(path: Path, stated: float, options: RecordingOptions, where: str) -> float:
    """Return the rate that the file states; raise RecordingError where the user says another."""
    _check_rate(path, stated, where)
    if options.rate_hz is not None and not math.isclose(options.rate_hz, stated, rel_tol=1e-6):
        raise RecordingError(
            path,
            f"{where} is {stated:g} but --rate-hz says {options.rate_hz:g}: leave the option out",
        )
    return stated


def agreed_unit(path: Path, stated: str, options: RecordingOptions, where: str) -> str:
    """Return the unit that the file states; raise RecordingError where the user says another."""
    if options.unit is not None and options.unit != stated:
        raise RecordingError(
            path, f"{where} is {stated!r} but --unit says {options.unit!r}: leave the option out"
        )
    return stated


def numbered_channels(count: int, prefix: str = "c") -> tuple[str, ...]:
    """Names for channels that have none: c1, c2, ..."""
    return tuple(f"{prefix}{number}" for number in range(1, count + 1))
