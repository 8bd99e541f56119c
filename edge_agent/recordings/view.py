"""A recording that is made of another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_agent.recordings.recording import Recording


@dataclass(frozen=True, slots=True)
class RecordingView:
    """Says of itself what ``source`` says; a subclass says what differs, and yields the blocks."""

    source: Recording

    @property
    def path(self) -> Path:
        """See Recording."""
        return self.source.path

    @property
    def kind(self) -> Literal["samples", "features"]:
        """See Recording."""
        return self.source.kind

    @property
    def channels(self) -> tuple[str, ...]:
        """See Recording."""
        return self.source.channels

    @property
    def rate_hz(self) -> float | None:
        """See Recording."""
        return self.source.rate_hz

    @property
    def unit(self) -> str | None:
        """See Recording."""
        return self.source.unit

    @property
    def period_s(self) -> float | None:
        """See Recording."""
        return self.source.period_s

    @property
    def burst_length(self) -> int | None:
        """See Recording."""
        return self.source.burst_length

    @property
    def length(self) -> int | None:
        """See Recording."""
        return self.source.length
