from dataclasses import replace

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from windows import window

from edge_agent.pipeline.healthy import (
    AT_ONCE,
    EAGER,
    EAGER_NS,
    SPACING_NS,
    WINDOWS,
    Healthy,
    Measured,
    is_calm,
    learned,
)
from edge_agent.pipeline.result import Reason
from edge_agent.pipeline.state import unpack

NAMES = ("x_rms", "x_kurtosis")
CALM = window(vector=np.zeros(2, np.float32))


def after(rows: NDArray[np.float32]) -> Healthy:
    healthy: Healthy | None = None
    for i, row in enumerate(rows):
        levels = np.array([[float(row[0]), 2.0]])
        measured = Measured(values=row, levels_db=levels, lines=(row[None],), waveforms=())
        healthy = learned(healthy, NAMES, measured, i)
    assert healthy is not None
    return healthy


def test_ranges_and_spectrum_are_those_of_all_windows() -> None:
    rows = np.random.default_rng(1).standard_normal((40, 2)).astype(np.float32)

    healthy = after(rows)

    assert healthy.windows == 40
    assert (healthy.first_ns, healthy.last_ns) == (0, 39)
    assert unpack(healthy.ranges) == pytest.approx(np.percentile(rows, (5, 50, 95), axis=0))
    assert healthy.levels_db is not None
    assert healthy.spread_db is not None
    assert unpack(healthy.levels_db)[0] == pytest.approx([rows[:, 0].mean(), 2.0], abs=1e-6)
    assert unpack(healthy.spread_db)[0] == pytest.approx([rows[:, 0].std(), 0.0], abs=1e-6)
    assert unpack(healthy.lines[0])[0] == pytest.approx(rows.mean(axis=0), abs=1e-5)


def test_a_number_that_is_missing_now_and_then_has_a_range_of_the_others() -> None:
    rows = np.full((10, 2), 3.0, np.float32)
    rows[::2, 0], rows[:, 1] = np.nan, np.nan

    ranges = unpack(after(rows).ranges)

    assert ranges[:, 0].tolist() == [3.0] * 3
    assert np.isnan(ranges[:, 1]).all()


def test_what_is_kept_does_not_grow_and_survives_being_written() -> None:
    healthy = after(np.ones((WINDOWS, 2), np.float32))

    assert healthy.is_complete
    assert unpack(healthy.values).shape == (0, 2)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(healthy), type=Healthy) == healthy


def test_a_few_windows_are_taken_as_they_come_then_fewer_and_fewer() -> None:
    young = after(np.ones((AT_ONCE - 1, 2), np.float32))
    growing = after(np.ones((EAGER - 1, 2), np.float32))
    grown = after(np.ones((EAGER, 2), np.float32))
    complete = after(np.ones((WINDOWS, 2), np.float32))

    assert young.is_due(young.last_ns + 1)
    assert not growing.is_due(growing.last_ns + 1)
    assert growing.is_due(growing.last_ns + EAGER_NS)
    assert not grown.is_due(grown.last_ns + 1)
    assert grown.is_due(grown.last_ns + SPACING_NS)
    assert not complete.is_due(complete.last_ns + SPACING_NS)


@pytest.mark.parametrize("reason", ["idle", "washout", "gap", "regime", "invalid"])
def test_a_window_that_was_not_judged_is_not_taken_as_healthy(reason: Reason) -> None:
    assert not is_calm(replace(CALM, score=None, reason=reason))


def test_windows_of_the_commissioning_are_taken_as_healthy() -> None:
    assert is_calm(replace(CALM, score=None, reason="commissioning"))


@pytest.mark.parametrize(
    "change",
    [
        {"score": 1.1},
        {"level_score": 3.0, "level_threshold": 2.0},
        {"anomaly": True},
        {"clipped": True},
        {"gap": True},
        {"vector": None},
    ],
)
def test_what_is_unusual_is_not_taken_as_healthy(change: dict[str, object]) -> None:
    assert is_calm(CALM)
    assert not is_calm(replace(CALM, **change))  # type: ignore[arg-type] # one field each
