"""A bearing is stated in one of two ways, and completely."""

from typing import Any

import msgspec
import pytest
from edge_feature_envelope import EnvelopeOptions, FaultOrders, orders_of_geometry

BAND = {"band_low_hz": 2000.0, "band_high_hz": 5000.0, "shaft_hz": 30.0}
GEOMETRY = {"rollers": 9, "pitch_mm": 39.04, "roller_mm": 7.94}
ORDERS = {"bpfo_order": 3.58, "bpfi_order": 5.42, "bsf_order": 2.36, "ftf_order": 0.4}


def convert(options: dict[str, Any]) -> EnvelopeOptions:
    return msgspec.convert(options, EnvelopeOptions)


def test_by_geometry() -> None:
    assert convert(BAND | GEOMETRY).orders == orders_of_geometry(9, 39.04, 7.94, 0.0)
    angular = convert(BAND | GEOMETRY | {"contact_deg": 40.0}).orders
    assert angular == orders_of_geometry(9, 39.04, 7.94, 40.0)


def test_by_the_makers_orders() -> None:
    assert convert(BAND | ORDERS).orders == FaultOrders(3.58, 5.42, 2.36, 0.4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BAND, "either by rollers, pitch_mm, roller_mm or by .*: found none of them"),
        (BAND | GEOMETRY | ORDERS, "either by .*: found rollers, pitch_mm, .*, ftf_order"),
        (BAND | GEOMETRY | {"bsf_order": 2.0}, "found rollers, pitch_mm, roller_mm, bsf_order"),
        (BAND | {"rollers": 9, "pitch_mm": 39.0}, "found rollers, pitch_mm"),
        (BAND | ORDERS | {"ftf_order": None}, "found bpfo_order, bpfi_order, bsf_order"),
        (BAND | GEOMETRY | {"roller_mm": 40.0}, "roller_mm must be below pitch_mm: found 40 and"),
        (
            BAND | GEOMETRY | {"band_low_hz": 5000.0},
            "band_low_hz must be below band_high_hz: found 5000 and 5000",
        ),
        (BAND | GEOMETRY | {"shaft_hz": 0.0}, r"> 0\.0 - at `\$\.shaft_hz`"),
        (BAND | GEOMETRY | {"tolerance": 0.5}, r"<= 0\.1 - at `\$\.tolerance`"),
        (BAND | GEOMETRY | {"harmonics": 3}, "unknown field `harmonics`"),
    ],
)
def test_options_that_do_not_state_one_bearing_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        convert(options)
