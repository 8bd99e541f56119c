"""What can be set in ``[asset.sensor.options]``."""

from typing import Annotated, Literal

import msgspec

from edge_sensor_replay.span import Span

Positive = Annotated[float, msgspec.Meta(gt=0)]


class ReplayOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the sensor ``replay``.

    Attributes:
        path: recording of any format that ``edge-agent replay`` reads.
        speed: recorded seconds per second; 0 delivers as fast as it goes.
        channels: names or numbers of the channels to take; empty takes all.
        rate_hz: sampling rate, where the recording does not state it.
        unit: unit, where the recording does not state it.
        decimate: take every n-th sample after a low-pass filter.
        range: FIRST:LAST of bursts or rows; in a continuous recording of samples, counted
            after decimation. Counted from 0, LAST not included, either may be left out.
        loop: start over at the end.
        stamps: ``kept`` delivers the recorded times; ``now`` moves them so that the first
            sample is from the moment of opening.
        length: samples per block of a continuous recording; None for one second.
    """

    path: Annotated[str, msgspec.Meta(min_length=1)]
    speed: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    channels: tuple[str, ...] = ()
    rate_hz: Positive | None = None
    unit: str | None = None
    decimate: Annotated[int, msgspec.Meta(ge=1)] = 1
    range: str = ":"
    loop: bool = False
    stamps: Literal["kept", "now"] = "kept"
    length: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        """Refuse a range that is none. Raises ValueError."""
        Span.parse(self.range)
