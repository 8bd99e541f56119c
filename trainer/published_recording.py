"""A recording as a publication's fault reads it; see ``trainer.published``."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge_agent.calibration.series import DataError
from edge_agent.plugin import Block
from edge_agent.recordings import Recording
from edge_agent.recordings.view import RecordingView
from trainer.published import PublishedFaults

_NS = 1_000_000_000


def recording_as_published(faults: PublishedFaults, recording: Recording) -> Recording:
    """Return ``recording`` as the publication's fault reads it.

    Raises:
        DataError: it has no samples that a first row could be lost of.
    """
    if not faults.first_row_lost:
        return recording
    if recording.kind == "features" or recording.rate_hz is None or recording.burst_length == 1:
        raise DataError(
            f"{recording.path}: first_row_lost: it holds features, allowed: files of samples"
        )
    return _WithoutFirstRows(recording, round(_NS / recording.rate_hz))


@dataclass(frozen=True, slots=True)
class _WithoutFirstRows(RecordingView):
    """A Recording of samples, the first row of each file of another taken for its header."""

    later_ns: int

    @property
    def burst_length(self) -> int | None:
        length = self.source.burst_length
        return None if length is None else length - 1

    @property
    def length(self) -> int | None:
        length = self.source.length
        return length if length is None or self.burst_length is not None else length - 1

    def blocks(self) -> Iterator[Block]:
        """See Recording.blocks; bursts are a file each, continuous samples are one."""
        for number, block in enumerate(self.source.blocks()):
            if number and self.burst_length is None:
                yield block
            elif len(block.samples) > 1:
                yield replace(
                    block, samples=block.samples[1:], start_ns=block.start_ns + self.later_ns
                )
