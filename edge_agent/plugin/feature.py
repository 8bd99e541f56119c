"""What a feature plugin is: named numbers per channel of one window."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol, Self, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

FEATURE_API_VERSION = 1

# Fourth powers of samples around this size are sure to fit into float32.
_SMALLEST_RMS, _LARGEST_RMS = 1e-6, 1e6


class FeatureError(ValueError):
    """The feature cannot be computed from this input; the message says what it needs."""


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a plugin that has none."""


@dataclass(frozen=True, slots=True)
class FeatureInput:
    """The windows a feature will be given.

    Attributes:
        length: samples per window and channel.
        rate_hz: samples per second, None where unknown.
        unit: unit of the samples, None where unknown.
        channels: channel names in row order.
    """

    length: int
    rate_hz: float | None
    unit: str | None
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workspace:
    """Memory that windows of one shape use one after the other.

    Fresh arrays of this size cost a page fault per 4 KiB, as much as the arithmetic on them.

    Attributes:
        rows: float32 (channels, n), where the centred samples go.
        first: float32 (n,), scratch of one row, so that it stays in the core's cache.
        second: float32 (n,), a second such row.
        ones: float32 (n,), all 1: a dot product with it is the fastest sum.
    """

    rows: NDArray[np.float32]
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    ones: NDArray[np.float32]

    @classmethod
    def of(cls, length: int, channels: int) -> Self:
        """Allocate for windows of ``length`` samples of ``channels`` channels."""
        return cls(
            rows=np.empty((channels, length), np.float32),
            first=np.empty(length, np.float32),
            second=np.empty(length, np.float32),
            ones=np.ones(length, np.float32),
        )


class CentredWindow:
    """A window without its mean, channel-major, with the sums that several features share.

    Each sum is computed when first asked for, channel by channel, by dot products on rows that
    stay in cache. Nothing here may be kept or written to by a feature: the next window may use
    the same memory.

    Attributes:
        bias: the removed mean, float32 (channels,), in the samples' unit; not finite where the
            channel's samples are not, and then the rest is meaningless.
        samples: float32 (channels, n), C-contiguous, each row of mean 0. A row whose samples
            are all equal is exactly 0.
    """

    def __init__(self, samples: NDArray[np.float32], workspace: Workspace | None = None) -> None:
        """Centre ``samples``, float32 (n, channels).

        Args:
            samples: the window; it is copied.
            workspace: memory to reuse, of this shape; the window before it becomes invalid.
        """
        length = len(samples)
        self._workspace = workspace or Workspace.of(*samples.shape)
        rows = self._workspace.rows
        np.copyto(rows, samples.T)
        # An infinite sample shows in the bias; numpy need not warn of it as well.
        with np.errstate(over="ignore", invalid="ignore"):
            # Pairwise summation: an offset of many times the vibration leaves no residue.
            bias = np.add.reduce(rows, axis=1) / np.float32(length)
            # The mean of equal samples might be off by a rounding, and noise be made of it.
            ends = zip(rows[:, 0].tolist(), rows[:, -1].tolist(), strict=True)
            for channel, (first, last) in enumerate(ends):
                if first == last and rows[channel].min() == rows[channel].max():
                    bias[channel] = first
            np.subtract(rows, bias[:, None], out=rows)
        self.bias: NDArray[np.float32] = bias
        self.samples: NDArray[np.float32] = rows

    @cached_property
    def absolute(self) -> NDArray[np.float32]:
        """|x|, float32 (channels, n)."""
        return np.abs(self.samples)

    @cached_property
    def squared(self) -> NDArray[np.float32]:
        """Squares of x, float32 (channels, n)."""
        return self.samples * self.samples

    @cached_property
    def mean_absolute(self) -> NDArray[np.float32]:
        """Mean of |x|, float32 (channels,)."""
        magnitude, ones = self._workspace.first, self._workspace.ones
        sums = [np.abs(row, out=magnitude).dot(ones) for row in self.samples]
        return np.array(sums, np.float32) / np.float32(len(ones))

    @cached_property
    def mean_root(self) -> NDArray[np.float32]:
        """Mean of the square root of |x|, float32 (channels,)."""
        root, ones = self._workspace.first, self._workspace.ones
        sums = [np.sqrt(np.abs(row, out=root), out=root).dot(ones) for row in self.samples]
        return np.array(sums, np.float32) / np.float32(len(ones))

    @cached_property
    def mean_square(self) -> NDArray[np.float32]:
        """Mean of x squared, float32 (channels,)."""
        return np.array([row.dot(row) for row in self.samples], np.float32) / np.float32(
            self.samples.shape[1]
        )

    @cached_property
    def rms(self) -> NDArray[np.float32]:
        """Square root of the mean square, float32 (channels,)."""
        return np.sqrt(self.mean_square)

    @cached_property
    def highest(self) -> NDArray[np.float32]:
        """Largest x, float32 (channels,)."""
        highest: NDArray[np.float32] = self.samples.max(axis=1)
        return highest

    @cached_property
    def lowest(self) -> NDArray[np.float32]:
        """Smallest x, float32 (channels,)."""
        lowest: NDArray[np.float32] = self.samples.min(axis=1)
        return lowest

    @cached_property
    def peak(self) -> NDArray[np.float32]:
        """Largest |x|, float32 (channels,)."""
        return np.maximum(self.highest, -self.lowest)

    @cached_property
    def standardised_moments(self) -> NDArray[np.float32]:
        """Means of (x/rms)^3 and (x/rms)^4, float32 (2, channels); 0 where the rms is 0."""
        length = self.samples.shape[1]
        square = self._workspace.second
        moments = []
        for row, rms in zip(self.samples, self.rms.tolist(), strict=True):
            unit = rms or 1.0
            if not _SMALLEST_RMS < unit < _LARGEST_RMS:
                row = np.multiply(row, 1 / unit, out=self._workspace.first)  # noqa: PLW2901
                unit = 1.0
            np.multiply(row, row, out=square)
            variance = unit * unit
            moments.append(
                (
                    float(square.dot(row)) / (length * variance * unit),
                    float(square.dot(square)) / (length * variance * variance),
                )
            )
        return np.array(moments, np.float32).T


@runtime_checkable
class Feature(Protocol):
    """One feature, configured for one kind of window; the class is the entry point's target.

    ``version`` is the version of the definition, not of the package: it changes when the same
    window would give another number, and a bundle made with another version is refused.

    A class may state in ``output_unit`` what its outputs are in, for whoever reads an alarm:
    ``"{unit}"`` stands for the samples' unit, an empty text for a ratio. See ``ShowsLines`` for
    what else it may tell.
    """

    api_version: ClassVar[int]
    version: ClassVar[str]
    options: ClassVar[type[msgspec.Struct]]

    def __init__(self, options: msgspec.Struct, given: FeatureInput) -> None:
        """Prepare for windows of the given kind. Raises FeatureError where they do not do."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the numbers per channel, such as ``("rms",)``."""

    def compute(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return float32 (channels, len(outputs)), all finite; depends on this window alone."""
