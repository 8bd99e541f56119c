"""The simulated machine does what its docstring says, wherever and however it is cut."""

import msgspec
import numpy as np
import pytest
from edge_sensor_simulated import Bearing, Defect, Machine, simulate, simulate_bursts
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

RATE_HZ = 4096.0
LENGTH = 8 * 4096
QUIET = Machine(noise_g=0, floor_g=0, load_swing=0, unbalance_g=0, misalignment_g=0)


def spectrum(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    amplitudes: NDArray[np.float64] = 2 * np.abs(np.fft.rfft(samples)) / len(samples)
    return amplitudes


def envelope_line(samples: NDArray[np.float32], line_hz: float) -> float:
    """Return how far the squared signal's line stands above its surroundings."""
    spread = 4
    lines = spectrum(samples**2)
    at = round(line_hz * len(samples) / RATE_HZ)
    near = lines[at - 60 : at + 60]
    return float(lines[at - spread : at + spread + 1].max() / np.median(near))


def test_a_6205_has_the_orders_that_its_maker_states() -> None:
    # SKF 6205-2RS JEM, as given with the bearing data of Case Western Reserve University.
    bearing = Bearing()
    assert bearing.bpfi_order == pytest.approx(5.4152, abs=5e-4)
    assert bearing.bpfo_order == pytest.approx(3.5848, abs=5e-4)
    assert bearing.ftf_order == pytest.approx(0.39828, abs=5e-4)
    assert 2 * bearing.bsf_order == pytest.approx(4.7135, abs=5e-4)


def test_the_same_machine_gives_the_same_samples() -> None:
    one = simulate(Machine(seed=7), rate_hz=RATE_HZ, length=1000)
    assert one.dtype == np.float32
    assert one.flags.c_contiguous
    np.testing.assert_array_equal(one, simulate(Machine(seed=7), rate_hz=RATE_HZ, length=1000))
    assert not np.array_equal(one, simulate(Machine(seed=8), rate_hz=RATE_HZ, length=1000))


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(["none", "outer", "inner", "ball"]),
    start=st.integers(0, 10**9),
    cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=4),
)
def test_blocks_join_bit_by_bit(kind: str, start: int, cuts: list[int]) -> None:
    defect = Defect(kind=kind, doubling_s=1e5)  # type: ignore[arg-type]
    machine = Machine(defect=defect, idle=((start / RATE_HZ, start / RATE_HZ + 0.1),))
    whole = simulate(
        machine, rate_hz=RATE_HZ, length=sum(cuts), start_s=start / RATE_HZ, channels=2
    )
    parts = []
    for cut in cuts:
        parts.append(
            simulate(machine, rate_hz=RATE_HZ, length=cut, start_s=start / RATE_HZ, channels=2)
        )
        start += cut
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_healthy_machine_shows_its_shaft_and_its_noise() -> None:
    machine = Machine(shaft_hz=32.0, gravity_g=1.0, load_swing=0.0)
    samples = simulate(machine, rate_hz=RATE_HZ, length=LENGTH)[:, 0]
    lines = spectrum(samples - samples.mean())
    assert samples.mean() == pytest.approx(1.0, abs=1e-3)
    assert lines[32 * 8] == pytest.approx(machine.unbalance_g, rel=0.05)
    assert lines[64 * 8] == pytest.approx(machine.misalignment_g, rel=0.1)
    variance = machine.noise_g**2 + (machine.unbalance_g**2 + machine.misalignment_g**2) / 2
    assert samples.std() == pytest.approx(np.sqrt(variance), rel=0.02)


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        ("outer", Bearing().bpfo_order),
        ("inner", Bearing().bpfi_order),
        ("ball", 2 * Bearing().bsf_order),
    ],
)
def test_a_defect_shows_at_its_line_of_the_envelope(kind: str, order: float) -> None:
    machine = Machine(defect=Defect(kind=kind, start_g=0.5))  # type: ignore[arg-type]
    samples = simulate(machine, rate_hz=RATE_HZ, length=LENGTH)[:, 0]
    healthy = simulate(Machine(), rate_hz=RATE_HZ, length=LENGTH)[:, 0]
    line_hz = order * machine.shaft_hz
    assert envelope_line(samples, line_hz) > 10
    assert envelope_line(healthy, line_hz) < 8


def test_the_load_zone_modulates_an_inner_defect_with_the_shaft() -> None:
    sidebands = {}
    for kind in ("outer", "inner"):
        machine = Machine(
            defect=Defect(kind=kind, start_g=1.0),
            slip=0.0,
            unbalance_g=0,
            misalignment_g=0,
        )
        samples = simulate(machine, rate_hz=RATE_HZ, length=LENGTH)[:, 0]
        sidebands[kind] = envelope_line(samples, machine.shaft_hz)
    assert sidebands["inner"] > 10 * sidebands["outer"]


def test_without_load_a_defect_is_silent() -> None:
    machine = msgspec.structs.replace(QUIET, load=0.0, defect=Defect(kind="outer"))
    assert not simulate(machine, rate_hz=RATE_HZ, length=LENGTH).any()


def test_a_defect_begins_at_its_onset_and_doubles_until_its_limit() -> None:
    defect = Defect(kind="outer", onset_s=100.0, start_g=0.1, doubling_s=10.0, limit_g=0.75)
    times = np.array([99.9, 100.0, 110.0, 120.0, 1e6])
    np.testing.assert_allclose(defect.amplitude_g(times), [0.0, 0.1, 0.2, 0.4, 0.75])
    machine = msgspec.structs.replace(QUIET, defect=defect)
    before = simulate(machine, rate_hz=RATE_HZ, length=4096, start_s=98.0)
    after = simulate(machine, rate_hz=RATE_HZ, length=4096, start_s=101.0)
    assert not before.any()
    assert after.max() > 0.05


def test_a_machine_that_stands_still_leaves_gravity_and_the_sensor() -> None:
    machine = Machine(gravity_g=-1.0, idle=((1.0, 2.0),), defect=Defect(kind="outer"))
    samples = simulate(machine, rate_hz=RATE_HZ, length=4096, start_s=1.0)
    assert samples.std() == pytest.approx(machine.floor_g, rel=0.05)
    assert samples.mean() == pytest.approx(-1.0, abs=1e-3)
    running = simulate(machine, rate_hz=RATE_HZ, length=4096, start_s=2.0)
    assert running.std() > 10 * machine.floor_g


def test_channels_differ_in_noise_and_strength() -> None:
    machine = Machine(defect=Defect(kind="outer", start_g=5.0))
    samples = simulate(machine, rate_hz=RATE_HZ, length=LENGTH, channels=2)
    strengths = samples.std(axis=0)
    assert strengths[1] / strengths[0] == pytest.approx(0.8, rel=0.05)


def test_bursts_are_stretches_of_the_same_time() -> None:
    machine = Machine(defect=Defect(kind="inner", doubling_s=600.0))
    bursts = simulate_bursts(machine, rate_hz=RATE_HZ, length=256, period_s=60.0, count=3)
    assert bursts.shape == (3, 256, 1)
    expected = simulate(machine, rate_hz=RATE_HZ, length=256, start_s=120.0)
    np.testing.assert_array_equal(bursts[2], expected)


def test_a_resonance_above_half_the_rate_is_refused() -> None:
    machine = Machine(resonance_hz=3000.0, defect=Defect(kind="outer"))
    with pytest.raises(ValueError, match="resonance_hz is 3000, allowed: below half of 4096 Hz"):
        simulate(machine, rate_hz=RATE_HZ, length=256)
