import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.faults import BiasWatch, Sensed, stuck

SPEC = InputSpec(
    kind="samples",
    channels=("x", "y", "rpm"),
    rate_hz=1000.0,
    unit="g",
    length=1000,
    hop=1000,
    period_s=None,
    context=("rpm",),
)
RANGE_MAX = 2.0


def healthy(seed: int = 0, rms: float = 0.1) -> NDArray[np.float32]:
    samples = rms * np.random.default_rng(seed).standard_normal((1000, 3))
    samples[:, 2] = 1480.0
    return samples.astype(np.float32)


def fault(samples: NDArray[np.float32], range_max: float | None = RANGE_MAX) -> str | None:
    return stuck(samples, range_max, SPEC, clipped=True)


def test_a_signal_is_no_fault_and_a_constant_speed_neither() -> None:
    assert fault(healthy()) is None


@pytest.mark.parametrize("level", [0.0, -0.7, RANGE_MAX])
def test_a_flat_line_is_a_fault(level: float) -> None:
    samples = healthy()
    samples[:, 1] = level
    assert fault(samples) == f"flat line: every sample of channel y is {level:.4g} g"
    assert fault(samples, range_max=None) is not None


def test_a_line_that_is_flat_for_a_while_is_none() -> None:
    samples = healthy()
    samples[:999, 0] = 0.0
    assert fault(samples) is None


@pytest.mark.parametrize(("end", "sign"), [("upper", 1.0), ("lower", -1.0)])
def test_a_stuck_rail_is_a_fault_with_noise_on_it(end: str, sign: float) -> None:
    samples = healthy()
    samples[:, 0] = sign * np.minimum(RANGE_MAX, RANGE_MAX - 0.01 + np.abs(samples[:, 0]))
    said = fault(samples)
    assert said is not None
    assert said.startswith(f"stuck at the {end} end of its range: 9")
    assert said.endswith("% of the samples of channel x")
    assert fault(samples, range_max=None) is None


def test_a_bearing_that_clips_most_of_the_time_is_none() -> None:
    """At both ends: that is vibration, however loud."""
    samples = np.clip(healthy(rms=50.0), -RANGE_MAX, RANGE_MAX)
    assert np.mean(np.abs(samples[:, :2]) >= RANGE_MAX) > 0.9
    assert fault(samples) is None


def learned(bias: float, rms: float = 0.1, windows: int = 20) -> BiasWatch:
    watch = BiasWatch(SPEC)
    for i in range(windows):
        samples = healthy(i, rms)
        samples[:, 1] += np.float32(bias)
        watch.learn(watch.sense(samples.mean(axis=0), samples))
    return watch


def mean(x: float, y: float) -> Sensed:
    """What is sensed of two channels at rest and a speed of nothing."""
    bias = np.array([x, y, 0.0], np.float32)
    return BiasWatch(SPEC).sense(bias, np.tile(bias, (16, 1)))


def test_a_bias_that_is_gone_is_a_fault_until_it_is_back() -> None:
    watch = learned(1.0)
    assert watch.lost(mean(0.0, 1.0)) is None
    assert watch.lost(mean(0.001, -0.02)) == "bias lost: it was 1 g and is 0.02 g"
    assert watch.lost(mean(0.0, 0.97)) is None


def test_a_sensor_that_was_turned_has_its_bias_still() -> None:
    assert learned(1.0).lost(mean(-1.0, 0.0)) is None


@pytest.mark.parametrize(
    "watch",
    [learned(1.0, windows=19), learned(0.0), learned(0.05), learned(1.0, rms=2.0)],
    ids=["not known yet", "AC-coupled", "less than the vibration", "louder than gravity"],
)
def test_nothing_is_said_of_a_bias_that_is_not_known_for_sure(watch: BiasWatch) -> None:
    assert watch.lost(mean(0.0, 0.0)) is None


def test_a_bias_that_wanders_is_not_known() -> None:
    watch = BiasWatch(SPEC)
    for i in range(100):
        samples = healthy(i)
        samples[:, 1] += np.float32(i % 3)
        watch.learn(watch.sense(samples.mean(axis=0), samples))
    assert watch.lost(mean(0.0, 0.0)) is None


def test_a_speed_that_varies_does_not_count_as_vibration() -> None:
    watch = BiasWatch(SPEC)
    for i in range(20):
        samples = healthy(i)
        samples[:, 1] += np.float32(1.0)
        samples[:, 2] += np.linspace(-50.0, 50.0, 1000, dtype=np.float32)
        watch.learn(watch.sense(samples.mean(axis=0), samples))
    assert watch.lost(mean(0.0, 0.0)) == "bias lost: it was 1 g and is 0 g"
