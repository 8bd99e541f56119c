"""Keeps the channels that the user asked for, in the order asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.plugin import Block
from edge_agent.recordings.column_names import channel_of_columns
from edge_agent.recordings.recording import Recording, RecordingError, listed, shown
from edge_agent.recordings.view import RecordingView


def with_channels(recording: Recording, wanted: Sequence[str]) -> Recording:
    """Return ``recording`` with the channels ``wanted`` only, see RecordingOptions.

    Raises:
        RecordingError: a channel that is not there, or is asked for twice; names those found.
    """
    if not wanted:
        return recording
    of_column = {name: name for name in recording.channels}
    if recording.kind == "features":
        of_column = channel_of_columns(recording.channels)
    found = list(dict.fromkeys(of_column.values()))
    columns: list[int] = []
    for choice in wanted:
        new = _columns_of(recording, choice, of_column, found)
        if set(new) & set(columns):
            raise RecordingError(recording.path, f"channel {choice} is asked for twice")
        columns.extend(new)
    if columns == list(range(len(recording.channels))):
        return recording
    return _ChosenChannels(recording, tuple(columns))


def _columns_of(
    recording: Recording, choice: str, of_column: dict[str, str], found: list[str]
) -> list[int]:
    if choice in of_column and choice not in found:
        return [recording.channels.index(choice)]
    name = choice
    if name not in found and choice.isascii() and choice.isdigit() and int(choice) < len(found):
        name = found[int(choice)]
    if name not in found:
        raise RecordingError(
            recording.path,
            f"has no channel {shown(choice)}, allowed: {listed(found)},"
            f" or a number from 0 to {len(found) - 1}",
        )
    return [i for i, column in enumerate(recording.channels) if of_column[column] == name]


@dataclass(frozen=True, slots=True)
class _ChosenChannels(RecordingView):
    """A Recording with some columns of another."""

    columns: tuple[int, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self.source.channels[i] for i in self.columns)

    def blocks(self) -> Iterator[Block]:
        """See Recording.blocks."""
        channels = self.channels
        for block in self.source.blocks():
            samples = np.ascontiguousarray(block.samples[:, self.columns])
            yield Block(
                samples, block.start_ns, block.rate_hz, block.unit, channels, block.gap_before
            )
