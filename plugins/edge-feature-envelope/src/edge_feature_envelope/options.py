"""The options of the envelope feature."""

from typing import Annotated

import msgspec

from edge_feature_envelope.bearing import FaultOrders, orders_of_geometry

Positive = Annotated[float, msgspec.Meta(gt=0)]


class EnvelopeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to look, and for which bearing: by its geometry or by the maker's orders.

    Attributes:
        band_low_hz: lower end of the band that is demodulated.
        band_high_hz: its upper end.
        shaft_hz: revolutions per second of the shaft.
        rollers: number of rolling elements.
        pitch_mm: diameter of the circle through their centres.
        roller_mm: their diameter.
        contact_deg: contact angle.
        bpfo_order: outer race fault frequency / shaft frequency.
        bpfi_order: the same of the inner race.
        bsf_order: the same of a rolling element's spin.
        ftf_order: the same of the cage.
        n_harmonics: lines per fault, the first included.
        tolerance: half width of the search around a line / the line's frequency.
    """

    band_low_hz: Positive
    band_high_hz: Positive
    shaft_hz: Positive
    rollers: Annotated[int, msgspec.Meta(ge=3)] | None = None
    pitch_mm: Positive | None = None
    roller_mm: Positive | None = None
    contact_deg: Annotated[float, msgspec.Meta(ge=0, lt=90)] = 0.0
    bpfo_order: Positive | None = None
    bpfi_order: Positive | None = None
    bsf_order: Positive | None = None
    ftf_order: Positive | None = None
    n_harmonics: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    tolerance: Annotated[float, msgspec.Meta(ge=0, le=0.1)] = 0.02

    def __post_init__(self) -> None:
        """Refuse options that contradict each other. Raises ValueError."""
        if self.band_low_hz >= self.band_high_hz:
            raise ValueError(
                f"band_low_hz must be below band_high_hz: found {self.band_low_hz:g} and "
                f"{self.band_high_hz:g}"
            )
        by_geometry, by_orders = self._geometry(), self._orders()
        stated = [key for key, value in (by_geometry | by_orders).items() if value is not None]
        complete = [
            wanted
            for wanted, other in ((by_geometry, by_orders), (by_orders, by_geometry))
            if None not in wanted.values() and set(other.values()) == {None}
        ]
        if not complete:
            raise ValueError(
                f"the bearing must be stated either by {', '.join(by_geometry)} or by "
                f"{', '.join(by_orders)}: found {', '.join(stated) or 'none of them'}"
            )
        if self.pitch_mm and self.roller_mm and self.roller_mm >= self.pitch_mm:
            raise ValueError(
                f"roller_mm must be below pitch_mm: found {self.roller_mm:g} and {self.pitch_mm:g}"
            )

    @property
    def orders(self) -> FaultOrders:
        """The bearing's fault frequencies / shaft frequency."""
        if self.rollers and self.pitch_mm and self.roller_mm:
            return orders_of_geometry(self.rollers, self.pitch_mm, self.roller_mm, self.contact_deg)
        return FaultOrders(*(order for order in self._orders().values() if order is not None))

    def _geometry(self) -> dict[str, float | None]:
        return {
            "rollers": self.rollers,
            "pitch_mm": self.pitch_mm,
            "roller_mm": self.roller_mm,
        }

    def _orders(self) -> dict[str, float | None]:
        return {f"{name}_order": getattr(self, f"{name}_order") for name in FaultOrders._fields}
