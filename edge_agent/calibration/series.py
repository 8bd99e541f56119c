"""A recording as calibration sees it: one feature vector per window, with its times."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.features import FeatureSpec


class DataError(ValueError):
    """The healthy part does not do; the message says what was found and is allowed."""


@dataclass(frozen=True, slots=True)
class Series:
    """The feature vectors of a whole recording.

    Attributes:
        input: how windows were cut.
        features: the plugins that computed them; empty where they came from a table.
        names: of the vector's numbers.
        vectors: float32 (n, F); rows of NaN where a window could not be computed.
        start_ns: int64 (n,), UTC nanoseconds.
        end_ns: int64 (n,).
        gap: bool (n,), windows are missing before this one.
    """

    input: InputSpec
    features: tuple[FeatureSpec, ...]
    names: tuple[str, ...]
    vectors: NDArray[np.float32]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    gap: NDArray[np.bool_]

    @property
    def watched_names(self) -> tuple[str, ...]:
        """Names without those of the context, which are the last."""
        return self.names[: len(self.names) - len(self.input.context)]

    def part(self, first: int, last: int) -> "Series":
        """Return the windows [first, last) alone."""
        rows = slice(first, last)
        return replace(
            self,
            vectors=self.vectors[rows],
            start_ns=self.start_ns[rows],
            end_ns=self.end_ns[rows],
            gap=self.gap[rows],
        )

    def without(self, rows: NDArray[np.bool_]) -> "Series":
        """Return the same with the windows ``rows``, bool (n,), as if they were not computed."""
        vectors = np.where(rows[:, None], np.float32(np.nan), self.vectors)
        return replace(self, vectors=vectors)

    def digest(self, first: int, last: int) -> str:
        """Return the sha256 of names and vectors [first, last)."""
        text = "\n".join(self.names).encode()
        return hashlib.sha256(text + self.vectors[first:last].tobytes()).hexdigest()
