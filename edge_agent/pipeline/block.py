"""First step of the arrow: a sensor's block is held against what the bundle was made for."""

from typing import Literal

import msgspec
import numpy as np

from edge_agent.plugin import Block, FeatureInput

_LONGEST = 1 << 24  # samples; what is longer is a mistake, and memory for it is set aside at once


class InputError(ValueError):
    """The input is not what the bundle needs; the message says what was found, what allowed."""


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The input a bundle was made for.

    Attributes:
        kind: ``samples``, or ``features`` where vectors enter after the feature step.
        channels: names in order; for ``features`` the feature names.
        rate_hz: samples per second; None only where no selected feature needs it.
        unit: unit of the samples; None only where no selected feature needs it.
        length: samples per window.
        hop: samples from one window's start to the next's.
        period_s: seconds from burst to burst; None for continuous sampling.
        context: those of the channels that tell the regime, such as a speed: of their samples the
            mean in the window is taken, under the channel's name, and no feature is computed.
    """

    kind: Literal["samples", "features"]
    channels: tuple[str, ...]
    rate_hz: float | None
    unit: str | None
    length: int
    hop: int
    period_s: float | None
    context: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no window can be cut from. Raises ValueError (msgspec: ValidationError)."""
        if not self.channels:
            raise ValueError("input.channels is empty, allowed: at least one channel")
        if len(set(self.channels)) != len(self.channels):
            raise ValueError(f"input.channels {list(self.channels)} names a channel twice")
        if not set(self.context) < set(self.channels):
            raise ValueError(
                f"input.context is {list(self.context)}, allowed: some of {list(self.channels)},"
                " but not all"
            )
        for name in ("length", "hop"):
            if not 1 <= getattr(self, name) <= _LONGEST:
                raise ValueError(f"input.{name} is {getattr(self, name)}, allowed: 1 to {_LONGEST}")
        if self.kind == "features" and (self.length, self.hop) != (1, 1):
            raise ValueError(
                f"input.length and input.hop are {self.length} and {self.hop},"
                " allowed for features: 1, as every row is a window"
            )
        for name in ("rate_hz", "period_s"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ValueError(f"input.{name} is {value}, allowed: a number above 0, or null")

    def feature_input(self) -> FeatureInput:
        """What the feature plugins are prepared for."""
        channels = tuple(name for name in self.channels if name not in self.context)
        return FeatureInput(self.length, self.rate_hz, self.unit, channels)

    @property
    def window_period_s(self) -> float | None:
        """Seconds from one window to the next, None where neither period nor rate is known."""
        if self.period_s is not None:
            return self.period_s
        return None if self.rate_hz is None else self.hop / self.rate_hz


_RATE_TOLERANCE = 1e-3  # crystals of data loggers are better than 0.1 %, wrong settings are not


def mismatches(
    spec: InputSpec, *, channels: tuple[str, ...], rate_hz: float | None, unit: str | None
) -> list[str]:
    """Say in sentences what of a source is not what ``spec`` needs; empty where all fits."""
    problems = []
    missing = [name for name in spec.channels if name not in channels]
    if missing:
        problems.append(
            f"channels: the source has {list(channels)}, the bundle needs also {missing}"
        )
    if spec.kind == "features":
        return problems
    if spec.rate_hz is not None and (
        rate_hz is None or not abs(rate_hz - spec.rate_hz) <= _RATE_TOLERANCE * spec.rate_hz
    ):
        problems.append(f"rate_hz: the source has {rate_hz}, the bundle needs {spec.rate_hz:g}")
    if spec.unit is not None and unit != spec.unit:
        problems.append(f"unit: the source has {unit!r}, the bundle needs {spec.unit!r}")
    return problems


def table_input(
    names: tuple[str, ...], period_s: float | None, context: tuple[str, ...] = ()
) -> InputSpec:
    """Return the input of a feature table: every row is a window. Raises ValueError."""
    return InputSpec(
        kind="features",
        channels=names,
        rate_hz=None,
        unit=None,
        length=1,
        hop=1,
        period_s=period_s,
        context=context,
    )


class Conformer:
    """Holds each block against the input spec and puts its channels in the bundle's order."""

    def __init__(self, spec: InputSpec) -> None:
        """Prepare for blocks that should fit ``spec``."""
        self._spec = spec
        self._accepted: tuple[tuple[str, ...], float | None, str | None] | None = None
        self._columns: list[int] | None = None

    def conform(self, block: Block) -> Block:
        """Return the block with the bundle's channels only, in its order.

        Raises:
            InputError: channels missing, or another rate, unit or dtype, or a wrong shape.
        """
        if block.samples.ndim != 2 or block.samples.shape[1] != len(block.channels):  # noqa: PLR2004
            raise InputError(
                f"block has shape {block.samples.shape},"
                f" allowed: (n, {len(block.channels)}) for its {len(block.channels)} channels"
            )
        if block.samples.dtype != np.float32:
            raise InputError(f"block has samples of {block.samples.dtype}, allowed: float32")
        seen = (block.channels, block.rate_hz, block.unit)
        if seen != self._accepted:
            self._accept(block)
            self._accepted = seen
        if self._columns is None:
            return block
        picked = np.ascontiguousarray(block.samples[:, self._columns], dtype=np.float32)
        return Block(
            picked,
            block.start_ns,
            block.rate_hz,
            block.unit,
            self._spec.channels,
            block.gap_before,
            block.utc_offset_ns,
        )

    def _accept(self, block: Block) -> None:
        problems = mismatches(
            self._spec, channels=block.channels, rate_hz=block.rate_hz, unit=block.unit
        )
        if problems:
            raise InputError("; ".join(problems))
        same = block.channels == self._spec.channels
        order = [block.channels.index(name) for name in self._spec.channels]
        self._columns = None if same else order
