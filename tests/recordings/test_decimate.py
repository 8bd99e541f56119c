"""Decimation: flat where it should pass, silent where it would alias, the same in any blocks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.recordings import RecordingOptions, open_recording, write_recording
from edge_agent.recordings.decimate import DELAY, Decimator, low_pass

RNG = np.random.default_rng(7)


def decimate(
    samples: NDArray[np.float32], factor: int, cuts: tuple[int, ...] = ()
) -> NDArray[np.float32]:
    decimator = Decimator(factor)
    parts = [decimator.push(part) for part in np.split(samples, cuts) if len(part)]
    return np.concatenate([*parts, decimator.flush()])


def sine(cycles_per_sample: float, n: int = 8192) -> NDArray[np.float32]:
    x: NDArray[np.float32] = np.sin(2 * np.pi * cycles_per_sample * np.arange(n)).astype(np.float32)
    return x[:, None]


def inner(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Leave out what the ends of the recording touch."""
    return samples[2 * DELAY : -2 * DELAY]


@pytest.mark.parametrize("factor", [2, 3, 4, 10])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.79])
def test_the_pass_band_is_flat_and_in_phase(factor: int, share: float) -> None:
    x = sine(share * 0.5 / factor)
    assert np.abs(inner(decimate(x, factor)) - inner(x[::factor])).max() < 2e-3


@pytest.mark.parametrize("factor", [2, 3, 4, 10])
@pytest.mark.parametrize("share", [1.01, 1.3, 1.9])
def test_what_would_alias_is_rejected_by_60_db(factor: int, share: float) -> None:
    cycles = share * 0.5 / factor
    assert np.abs(inner(decimate(sine(cycles), factor))).max() < 1.1e-3


@pytest.mark.parametrize("factor", [2, 4, 5])
def test_it_agrees_with_scipy_on_low_frequencies(factor: int) -> None:
    signal = pytest.importorskip("scipy.signal", reason="needs the extra 'formats'")
    white = RNG.standard_normal(8192)
    low = signal.lfilter(*signal.butter(8, 0.5 / factor), white)
    ours = decimate(low.astype(np.float32)[:, None], factor)[:, 0]
    theirs = signal.decimate(low, factor, ftype="fir", zero_phase=True)
    assert ours.shape == theirs.shape
    error = np.std(inner(ours) - inner(theirs)) / np.std(theirs)
    assert error < 0.02


def test_a_constant_passes_without_a_step() -> None:
    assert decimate(np.full((1000, 1), 9.81, np.float32), 4) == pytest.approx(9.81, rel=1e-6)


def test_the_taps_are_symmetric_and_sum_to_one() -> None:
    taps = low_pass(4)
    assert len(taps) == 2 * DELAY * 4 + 1
    assert np.array_equal(taps, taps[::-1])
    assert taps.sum() == pytest.approx(1.0, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(1, 700),
    factor=st.integers(1, 6),
    cuts=st.lists(st.integers(1, 699), max_size=5).map(sorted),
)
def test_how_the_samples_are_cut_into_blocks_makes_no_difference(
    n: int, factor: int, cuts: list[int]
) -> None:
    samples = RNG.standard_normal((n, 2)).astype(np.float32)
    whole = decimate(samples, factor)
    assert len(whole) == -(-n // factor)
    cut = decimate(samples, factor, tuple(cut for cut in cuts if cut < n))
    assert np.allclose(cut, whole, atol=1e-5)


def test_a_continuous_recording_keeps_its_times(tmp_path: Path) -> None:
    path = tmp_path / "pump.npz"
    write_recording(path, RNG.standard_normal((70_001, 2)), rate_hz=1000.0, start_ns=10**9)
    recording = open_recording(path, RecordingOptions(decimate=4, channels=("c2",)))
    assert (recording.rate_hz, recording.length, recording.period_s) == (250.0, 17_501, None)
    blocks = list(recording.blocks())
    done = 0
    for block in blocks:
        assert block.rate_hz == 250.0
        assert block.channels == ("c2",)
        assert block.samples.dtype == np.float32
        assert block.start_ns == 10**9 + done * 4_000_000
        done += len(block.samples)
    assert done == 17_501


def test_every_burst_is_decimated_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "pump.npz"
    bursts = RNG.standard_normal((3, 1001, 1)).astype(np.float32)
    write_recording(path, bursts, rate_hz=1000.0, period_s=60.0)
    recording = open_recording(path, RecordingOptions(decimate=4))
    assert (recording.length, recording.burst_length, recording.period_s) == (3, 251, 60.0)
    for burst, block in zip(bursts, recording.blocks(), strict=True):
        assert np.allclose(block.samples, decimate(burst, 4), atol=1e-6)
