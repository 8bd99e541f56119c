"""The fault orders are those that bearing makers print."""

import pytest
from edge_feature_envelope import FaultOrders, orders_of_geometry


def test_the_orders_of_a_known_bearing() -> None:
    """SKF 6205-2RS JEM, as published with the Case Western Reserve University recordings."""
    found = orders_of_geometry(rollers=9, pitch_mm=39.04, roller_mm=7.94, contact_deg=0.0)
    published = FaultOrders(bpfo=3.5848, bpfi=5.4152, bsf=4.7135 / 2, ftf=0.39828)
    assert found == pytest.approx(published, rel=1e-3)


def test_both_races_together_see_every_roller_once_a_turn() -> None:
    orders = orders_of_geometry(rollers=16, pitch_mm=71.5, roller_mm=8.4, contact_deg=15.17)
    assert orders.bpfo + orders.bpfi == pytest.approx(16)
    assert orders.bpfo == pytest.approx(16 * orders.ftf)
