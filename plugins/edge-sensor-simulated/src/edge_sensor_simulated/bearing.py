"""Bearing geometry and the rates at which its parts meet."""

import math
from typing import Annotated

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Bearing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rolling bearing with a fixed outer and a turning inner ring; a 6205 unless said otherwise.

    The orders are in events per turn of the shaft, for rolling without slip (Randall and Antoni,
    Mechanical Systems and Signal Processing 25 (2011) 485-520, equations 1 to 4).

    Attributes:
        balls: number of rolling elements.
        ball_mm: their diameter.
        pitch_mm: diameter of the circle of their centres.
        contact_deg: contact angle.
    """

    balls: Annotated[int, msgspec.Meta(ge=3)] = 9
    ball_mm: Positive = 7.94
    pitch_mm: Positive = 39.04
    contact_deg: Annotated[float, msgspec.Meta(ge=0, lt=90)] = 0.0

    def __post_init__(self) -> None:
        """Refuse balls that do not fit. Raises ValueError."""
        if self.ball_mm >= self.pitch_mm:
            raise ValueError(f"ball_mm is {self.ball_mm}, allowed: less than pitch_mm")

    @property
    def _ratio(self) -> float:
        return self.ball_mm / self.pitch_mm * math.cos(math.radians(self.contact_deg))

    @property
    def ftf_order(self) -> float:
        """Turns of the cage per turn of the shaft."""
        return (1 - self._ratio) / 2

    @property
    def bpfo_order(self) -> float:
        """Balls passing a point of the outer ring per turn of the shaft."""
        return self.balls * (1 - self._ratio) / 2

    @property
    def bpfi_order(self) -> float:
        """Balls passing a point of the inner ring per turn of the shaft."""
        return self.balls * (1 + self._ratio) / 2

    @property
    def bsf_order(self) -> float:
        """Turns of a ball about itself, seen from the cage, per turn of the shaft."""
        return self.pitch_mm / (2 * self.ball_mm) * (1 - self._ratio**2)
