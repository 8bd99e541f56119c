"""The rates at which the parts of a bearing strike a defect."""

import math
from typing import NamedTuple


class FaultOrders(NamedTuple):
    """Fault frequencies divided by the shaft's, named as the feature's outputs.

    Attributes:
        bpfo: rolling elements passing a point of the outer race.
        bpfi: rolling elements passing a point of the inner race.
        bsf: revolutions of a rolling element about its own axis.
        ftf: revolutions of the cage.
    """

    bpfo: float
    bpfi: float
    bsf: float
    ftf: float


def orders_of_geometry(
    rollers: int, pitch_mm: float, roller_mm: float, contact_deg: float
) -> FaultOrders:
    """Return the orders of a bearing whose outer race stands still, without slip.

    With n rolling elements of diameter d on the pitch diameter D and contact angle phi, per
    revolution of the shaft::

        BPFO = n / 2 (1 - d/D cos phi)      BPFI = n / 2 (1 + d/D cos phi)
        FTF  = 1 / 2 (1 - d/D cos phi)      BSF  = D / 2d (1 - (d/D cos phi)^2)

    Source: Randall and Antoni, "Rolling element bearing diagnostics - A tutorial", Mechanical
    Systems and Signal Processing 25 (2011) 485-520, equations 1 to 4.

    Args:
        rollers: number of rolling elements in one row.
        pitch_mm: diameter of the circle through their centres.
        roller_mm: their diameter.
        contact_deg: angle of load from the radial plane.
    """
    ratio = roller_mm / pitch_mm * math.cos(math.radians(contact_deg))
    return FaultOrders(
        bpfo=rollers / 2 * (1 - ratio),
        bpfi=rollers / 2 * (1 + ratio),
        bsf=pitch_mm / (2 * roller_mm) * (1 - ratio * ratio),
        ftf=(1 - ratio) / 2,
    )
