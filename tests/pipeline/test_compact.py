import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_agent.pipeline.compact import Curve, curve, waveform

FINITE = st.floats(-1e6, 1e6, width=32)


@given(arrays(np.float64, st.integers(0, 50), elements=FINITE))
def test_a_curve_keeps_its_numbers_to_a_part_of_the_largest_also_as_json(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    sent = msgspec.json.decode(msgspec.json.encode(curve(values)), type=Curve)
    largest = np.abs(values).max(initial=0.0)
    assert sent.values() == pytest.approx(values, abs=largest / 60_000 + 1e-300)


def test_a_short_window_is_shown_sample_by_sample() -> None:
    samples = np.arange(10, dtype=np.float32)
    found = waveform(samples, 100.0, 16)
    assert (found.kind, found.step_s) == ("samples", 0.01)
    assert found.values.values() == pytest.approx(samples, abs=1e-3)


def test_a_long_window_keeps_the_peak_of_every_piece() -> None:
    samples = np.zeros(1003, np.float32)
    samples[501], samples[777] = 9.0, -5.0

    found = waveform(samples, 1000.0, 100)

    values = found.values.values()
    assert found.kind == "extremes"
    assert found.step_s == pytest.approx(0.021)
    assert len(values) <= 100
    assert values.max() == pytest.approx(9.0, rel=1e-3)
    assert values.min() == pytest.approx(-5.0, rel=1e-3)
    assert int(np.argmax(values)) // 2 == 501 // 21


def test_without_a_rate_there_is_no_time() -> None:
    assert waveform(np.zeros(4, np.float32), None, 16).step_s is None
