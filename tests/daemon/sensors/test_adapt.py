import numpy as np
import pytest

from edge_agent.daemon.config.settings import Asset, SensorSettings
from edge_agent.daemon.sensors.adapt import Adapter
from edge_agent.pipeline.block import InputSpec
from edge_agent.plugin import Block, SensorInfo

NEEDED = InputSpec(
    kind="samples",
    channels=("b1", "b2"),
    rate_hz=1000.0,
    unit="g",
    length=100,
    hop=100,
    period_s=None,
)


def adapter(
    needed: InputSpec = NEEDED,
    channels: tuple[str, ...] = (),
    unit: str | None = None,
    sensitivity: float | None = None,
    range_max: float | None = None,
) -> Adapter:
    sensor = SensorSettings(plugin="bench", unit=unit, sensitivity=sensitivity, range_max=range_max)
    return Adapter(Asset(name="a", bundle="b", channels=channels, sensor=sensor), needed)


def info(
    channels: tuple[str, ...] = ("b1", "b2"),
    rate_hz: float | None = 1000.0,
    unit: str | None = "g",
    period_s: float | None = None,
) -> SensorInfo:
    return SensorInfo(channels, rate_hz, unit, 10.0, period_s)


def block(channels: tuple[str, ...] = ("b1", "b2"), unit: str | None = "g") -> Block:
    samples = np.ones((5, len(channels)), np.float32) * np.arange(len(channels), dtype=np.float32)
    return Block(samples, 0, 1000.0, unit, channels)


def test_a_sensor_that_fits_has_no_problem() -> None:
    assert adapter().problems(info()) == []


def test_channels_more_than_needed_are_no_problem() -> None:
    assert adapter().problems(info(channels=("z", "b2", "b1"))) == []


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (info(channels=("b1", "z")), "b2"),
        (info(rate_hz=2000.0), "rate_hz"),
        (info(rate_hz=None), "rate_hz"),
        (info(unit="m/s2"), "unit"),
        (info(unit=None), "unit"),
    ],
)
def test_what_does_not_fit_is_named(given: SensorInfo, word: str) -> None:
    ((_, sentence),) = adapter().problems(given)
    assert word in sentence


def test_a_bundle_of_bursts_needs_bursts_of_its_period() -> None:
    needed = InputSpec(
        kind="samples",
        channels=("b1", "b2"),
        rate_hz=1000.0,
        unit="g",
        length=100,
        hop=100,
        period_s=600.0,
    )
    bursts = adapter(needed)
    assert bursts.problems(info(period_s=600.0)) == []
    assert bursts.problems(info(period_s=630.0)) == []
    assert "without pause" in bursts.problems(info())[0][1]
    assert "period_s: the source has 60" in bursts.problems(info(period_s=60.0))[0][1]


def test_a_stated_unit_must_be_the_sensors() -> None:
    assert adapter(unit="m/s2").problems(info())[0][0] == "sensor.unit"


def test_a_stated_unit_stands_in_where_the_sensor_has_none() -> None:
    assert adapter(unit="g").problems(info(unit=None)) == []
    assert adapter(unit="g").adapt(block(unit=None)).unit == "g"


def test_volts_become_g_by_the_sensitivity() -> None:
    volts = adapter(unit="g", sensitivity=0.1)
    assert volts.problems(info(unit="V")) == []
    adapted = volts.adapt(block(unit="V"))
    assert adapted.unit == "g"
    assert adapted.samples.dtype == np.float32
    assert adapted.samples[0].tolist() == [0.0, 10.0]
    assert volts.info(info(unit="V")).range_max == pytest.approx(100.0)


def test_a_stated_range_goes_before_the_sensors() -> None:
    assert adapter(range_max=16.0).info(info()).range_max == 16.0
    assert adapter().info(info()).range_max == 10.0


def test_chosen_channels_are_renamed_to_the_bundles() -> None:
    chosen = adapter(channels=("y", "x"))
    assert chosen.problems(info(channels=("x", "y", "z"))) == []
    assert chosen.adapt(block(("x", "y", "z"))).channels == ("b2", "b1", "z (not chosen)")


def test_a_channel_that_was_not_chosen_does_not_pass_by_its_name() -> None:
    adapted = adapter(channels=("x", "y")).adapt(block(("b1", "x", "y")))
    assert adapted.channels == ("b1 (not chosen)", "b1", "b2")


def test_a_wrong_choice_of_channels_is_named() -> None:
    assert adapter(channels=("x",)).problems(info(channels=("x", "y")))[0][0] == "channels"
    assert "'w'" in adapter(channels=("x", "w")).problems(info(channels=("x", "y")))[0][1]


def test_one_channel_for_one_needs_no_choice() -> None:
    needed = InputSpec(
        kind="samples",
        channels=("b1",),
        rate_hz=1000.0,
        unit="g",
        length=100,
        hop=100,
        period_s=None,
    )
    single = adapter(needed)
    assert single.problems(info(channels=("x",))) == []
    assert single.adapt(block(("x",))).channels == ("b1",)
