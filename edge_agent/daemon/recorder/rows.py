"""What is recorded of one window: a row of fixed length, with a checksum of its own."""

import math
import zlib
from dataclasses import dataclass
from functools import cache
from struct import Struct
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import Manifest
from edge_agent.pipeline.result import Reason, WindowResult

# A row holds a reason by its place here: new ones go to the end.
REASONS: tuple[Reason | None, ...] = (
    None,
    "idle",
    "gap",
    "washout",
    "invalid",
    "regime",
    "sensor_fault",
    "error",
    "commissioning",
)
GAP, CLIPPED, ANOMALY, COMPUTED, MAINTENANCE = 1, 2, 4, 8, 16
_LEARNABLE = tuple(REASONS.index(reason) for reason in (None, "gap", "washout", "commissioning"))
_CRC_BYTES = 4
_FIXED = Struct("<I4qBB2x6f")  # a row between its checksum and its vector


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rows of one asset hold; rows of another layout mean nothing beside them.

    Attributes:
        asset: whose windows they are.
        sensor: plugin that the samples came from.
        feature_hash: of the bundle that computed the vectors.
        features: their names, in order.
        channels: of the input, in order.
        context: those of them that tell the regime.
        unit: of the samples, None where no feature needs it.
        rate_hz: samples per second, likewise.
        length: samples per window.
        period_s: seconds from one window to the next, None where unknown.
    """

    asset: str
    sensor: str
    feature_hash: str
    features: tuple[str, ...]
    channels: tuple[str, ...]
    context: tuple[str, ...]
    unit: str | None
    rate_hz: float | None
    length: int
    period_s: float | None

    @property
    def dtype(self) -> np.dtype[np.void]:
        """A row: checksum, times in nanoseconds, what was judged, what was sensed, the vector."""
        return _dtype(len(self.features))


@cache
def _dtype(features: int) -> np.dtype[np.void]:
    return np.dtype(
        [
            ("crc", "<u4"),
            ("clock", "<u4"),
            ("index", "<i8"),
            ("start_ns", "<i8"),
            ("end_ns", "<i8"),
            ("utc_offset_ns", "<i8"),
            ("reason", "u1"),
            ("flags", "u1"),
            ("spare", "<u2"),
            ("score", "<f4"),
            ("threshold", "<f4"),
            ("level_score", "<f4"),
            ("bias", "<f4"),
            ("vibration", "<f4"),
            ("velocity_mm_s", "<f4"),
            ("vector", "<f4", (features,)),
        ]
    )


def layout_of(asset: str, sensor: str, manifest: Manifest) -> Layout:
    """Return what is recorded of ``asset``, which plugin ``sensor`` feeds and ``manifest`` judges.

    ``manifest`` is that of a bundle ready to judge: its flow has the asset's own channels.
    """
    given = manifest.flow.input
    return Layout(
        asset=asset,
        sensor=sensor,
        feature_hash=manifest.feature_hash,
        features=manifest.flow.feature_names,
        channels=given.channels,
        context=given.context,
        unit=given.unit,
        rate_hz=given.rate_hz,
        length=given.length,
        period_s=given.window_period_s,
    )


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One window, to be recorded with the layout of its asset."""

    layout: Layout
    index: int
    content: bytes


def make_row(
    layout: Layout, result: WindowResult, clock: str, *, maintenance: bool = False
) -> RecordedRow:
    """Return what is recorded of ``result``.

    Args:
        layout: of the asset.
        result: of the window.
        clock: names what its times count.
        maintenance: somebody works on the machine: nothing is to be learned from it.
    """
    vector, sensed, velocity = result.vector, result.sensed, result.velocity_mm_s
    if vector is None:
        vector = np.full(len(layout.features), math.nan, dtype=np.float32)
    content = _FIXED.pack(
        clock_number(clock),
        result.index,
        result.start_ns,
        result.end_ns,
        result.utc_offset_ns,
        REASONS.index(result.reason),
        GAP * result.gap
        | CLIPPED * result.clipped
        | ANOMALY * result.anomaly
        | COMPUTED * (result.vector is not None)
        | MAINTENANCE * maintenance,
        math.nan if result.score is None else result.score,
        result.threshold,
        math.nan if result.level_score is None else result.level_score,
        math.nan if sensed is None else sensed.bias,
        math.nan if sensed is None else sensed.vibration,
        math.nan if velocity is None else velocity.max(),
    )
    content += vector.astype("<f4", copy=False).tobytes()
    return RecordedRow(
        layout, result.index, zlib.crc32(content).to_bytes(_CRC_BYTES, "little") + content
    )


def clock_number(clock: str) -> int:
    """Return what stands for the name of a clock in a row."""
    return zlib.crc32(clock.encode())


def whole(content: bytes, layout: Layout) -> NDArray[np.void]:
    """Return those rows in ``content``, a whole number of them, that are as they were written."""
    dtype = layout.dtype
    size, view = dtype.itemsize, memoryview(content)
    rows = np.frombuffer(content, dtype=dtype)
    sound = np.fromiter(
        (
            zlib.crc32(view[at + _CRC_BYTES : at + size]) == crc
            for at, crc in zip(range(0, len(view), size), rows["crc"].tolist(), strict=True)
        ),
        dtype=np.bool_,
        count=len(rows),
    )
    return rows[sound]


@dataclass(frozen=True, slots=True)
class Rows:
    """Windows of one asset, oldest first; n of them, F features.

    Attributes:
        layout: what they hold; None where the asset has no recording.
        index: of each window, int64 (n,), rising; a number that is missing was not recorded.
        start_ns: time of the first sample, int64 (n,), UTC nanoseconds since the Unix epoch.
        end_ns: time just after the last sample, likewise.
        utc_offset_ns: of the clock that nobody sets, int64 (n,).
        clock: stands for that clock's name, uint32 (n,), see ``clock_number``.
        reason: why it has no score, as a place in ``REASONS``, uint8 (n,).
        gap: windows are missing before it, bool (n,).
        clipped: it touches the input range, bool (n,).
        anomaly: an alarm was open, bool (n,).
        computed: it has a vector, bool (n,).
        maintenance: somebody worked on the machine, bool (n,).
        score: smoothed, float32 (n,); NaN where there is none.
        threshold: of the score then, float32 (n,).
        level_score: as ``score``.
        bias: size of the sensor's bias in its unit, float32 (n,); NaN where none was measured.
        vibration: root mean square of all channels in that unit, likewise.
        velocity_mm_s: rms of the channel that shakes most, float32 (n,); NaN where no limit of it
            is configured.
        vectors: features, float32 (n, F); NaN where they were not computed.
    """

    layout: Layout | None
    index: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    utc_offset_ns: NDArray[np.int64]
    clock: NDArray[np.uint32]
    reason: NDArray[np.uint8]
    gap: NDArray[np.bool_]
    clipped: NDArray[np.bool_]
    anomaly: NDArray[np.bool_]
    computed: NDArray[np.bool_]
    maintenance: NDArray[np.bool_]
    score: NDArray[np.float32]
    threshold: NDArray[np.float32]
    level_score: NDArray[np.float32]
    bias: NDArray[np.float32]
    vibration: NDArray[np.float32]
    velocity_mm_s: NDArray[np.float32]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        """Windows."""
        return len(self.index)

    def part(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Return the windows that are ``chosen``, bool (n,)."""
        columns = {name: getattr(self, name) for name in self.__slots__ if name != "layout"}
        return Rows(self.layout, **{name: column[chosen] for name, column in columns.items()})

    @property
    def runs(self) -> NDArray[np.bool_]:
        """The machine ran and its vector is whole: what a state is warmed up from, bool (n,)."""
        learnable = np.isin(self.reason, _LEARNABLE)
        finite: NDArray[np.bool_] = np.isfinite(self.vectors).all(axis=1)
        return learnable & self.computed & finite

    @property
    def teaches(self) -> NDArray[np.bool_]:
        """It runs, and nobody worked on the machine: what healthy may be learned from."""
        return self.runs & ~self.maintenance


def rows_of(found: NDArray[np.void], layout: Layout | None) -> Rows:
    """Return ``found`` as arrays of their own, field by field."""

    def column(name: str) -> NDArray[Any]:
        return np.ascontiguousarray(found[name])

    flags = column("flags")
    plain = {
        name: column(name)
        for name in (
            "index",
            "start_ns",
            "end_ns",
            "utc_offset_ns",
            "clock",
            "reason",
            "score",
            "threshold",
            "level_score",
            "bias",
            "vibration",
            "velocity_mm_s",
        )
    }
    return Rows(
        layout=layout,
        gap=(flags & GAP) != 0,
        clipped=(flags & CLIPPED) != 0,
        anomaly=(flags & ANOMALY) != 0,
        computed=(flags & COMPUTED) != 0,
        maintenance=(flags & MAINTENANCE) != 0,
        vectors=column("vector"),
        **plain,
    )
