from collections.abc import Iterable

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.block import InputSpec, table_input
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.gate import GateSpec
from edge_agent.pipeline.limit import VelocityMeter, velocity_meter
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.state import FlowState
from edge_agent.pipeline.window import Window
from edge_agent.plugin import FeatureError

RATE_HZ, LENGTH, TONE_HZ = 4096.0, 4096, 100.0
LIMIT_MM_S = 4.5
Samples = NDArray[np.float32]


def given(**changes: object) -> InputSpec:
    spec = InputSpec(
        kind="samples",
        channels=("x",),
        rate_hz=RATE_HZ,
        unit="g",
        length=LENGTH,
        hop=LENGTH,
        period_s=None,
    )
    return msgspec.structs.replace(spec, **changes)


@pytest.fixture(scope="module")
def spec(flow_spec: FlowSpec) -> FlowSpec:
    """A bundle whose windows are long enough for a velocity."""
    return msgspec.structs.replace(flow_spec, input=given())


def shaking(mm_s: float, seed: int = 1) -> Samples:
    """One window in g whose velocity has that rms: a tone, and noise of little velocity."""
    time_s = np.arange(LENGTH) / RATE_HZ
    tone = mm_s * np.sqrt(2) * np.sin(2 * np.pi * TONE_HZ * time_s)
    acceleration = tone * 2 * np.pi * TONE_HZ / 9806.65
    noise = 1e-3 * np.random.default_rng(seed).standard_normal(LENGTH)
    samples: Samples = (acceleration + noise).astype(np.float32)[:, None]
    return samples


def push(flow: Flow, windows: Iterable[Samples]) -> list[WindowResult]:
    return [
        flow.push_window(
            Window(samples, i * 10**9, (i + 1) * 10**9, gap=False, clipped=False),
        )
        for i, samples in enumerate(windows, flow.index)
    ]


def test_the_velocity_of_each_vibration_channel_is_measured_and_the_context_left_out() -> None:
    meter = VelocityMeter(given(channels=("speed", "x", "y"), context=("speed",)))
    speed = np.full((LENGTH, 1), 1480.0, np.float32)

    found = meter.measure(np.concatenate((speed, shaking(2.0), shaking(6.0)), axis=1))

    assert meter.channels == ("x", "y")
    assert found == pytest.approx([2.0, 6.0], rel=0.01)


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        (given(unit="V"), "'V'"),
        (given(unit=None), "no unit"),
        (given(rate_hz=1000.0), "1000 Hz"),
        (given(length=2000), "1 s"),
        (table_input(("x_rms",), 60.0), "feature vectors"),
    ],
)
def test_what_has_no_velocity_is_refused(spec: InputSpec, word: str) -> None:
    with pytest.raises(FeatureError, match=word):
        velocity_meter(spec)


def test_nothing_is_measured_where_samples_are_not_finite() -> None:
    assert VelocityMeter(given()).measure(np.full((LENGTH, 1), np.nan, np.float32)) is None


def test_two_windows_over_the_limit_open_an_anomaly_whatever_the_model_says(
    spec: FlowSpec, model: Model
) -> None:
    flow = Flow(spec, model, limit_mm_s=LIMIT_MM_S)

    results = push(flow, [shaking(mm_s, i) for i, mm_s in enumerate([2, 9, 2, 2, 9, 9, 2, 2, 2])])

    assert {result.reason for result in results} == {"washout"}
    events = {r.index: r.event for r in results if r.event is not None}
    assert {i: event.kind for i, event in events.items()} == {5: "open", 8: "close"}
    assert events[5].detector == "limit"
    assert events[5].features == (("x_velocity_rms", 1.0),)
    assert events[5].severity == pytest.approx(2.0, rel=0.01)
    assert [r.anomaly for r in results] == [i in (5, 6, 7) for i in range(9)]
    assert all(r.velocity_limit_mm_s == LIMIT_MM_S for r in results)
    measured = [float(r.velocity_mm_s[0]) for r in results if r.velocity_mm_s is not None]
    assert measured == pytest.approx([2, 9, 2, 2, 9, 9, 2, 2, 2], rel=0.01)


def test_a_machine_that_seems_to_stand_still_is_held_against_the_limit(
    spec: FlowSpec, model: Model
) -> None:
    loud = GateSpec(features=(0,), idle_levels=(100.0,), limit_s=3600.0)
    flow = Flow(msgspec.structs.replace(spec, gate=loud), model, limit_mm_s=LIMIT_MM_S)

    results = push(flow, [shaking(9.0)] * 3)

    assert [result.reason for result in results] == ["idle"] * 3
    assert [result.anomaly for result in results] == [False, True, True]


def test_a_window_left_out_or_without_features_is_held_against_the_limit(
    spec: FlowSpec, model: Model
) -> None:
    flow = Flow(spec, model, limit_mm_s=LIMIT_MM_S)
    window = Window(shaking(9.0), 0, 10**9, gap=False, clipped=False)

    results = [flow.leave_out(window, "not tried") for _ in range(2)]

    assert [result.anomaly for result in results] == [False, True]


def test_a_sensor_fault_is_no_vibration(spec: FlowSpec, model: Model) -> None:
    flow = Flow(spec, model, range_max=1.0, limit_mm_s=LIMIT_MM_S)
    rail = np.ones((LENGTH, 1), np.float32)

    results = [flow.push_window(Window(rail, i, i + 1, gap=False, clipped=True)) for i in range(3)]

    assert {result.reason for result in results} == {"sensor_fault"}
    assert all(result.velocity_mm_s is None and not result.anomaly for result in results)


def test_without_a_limit_nothing_is_measured(spec: FlowSpec, model: Model) -> None:
    (result,) = push(Flow(spec, model), [shaking(9.0)])
    assert (result.velocity_mm_s, result.velocity_limit_mm_s) == (None, None)


def test_the_limit_changes_no_score(spec: FlowSpec, model: Model) -> None:
    windows = [shaking(1.0, i) for i in range(14)]
    plain, limited = Flow(spec, model), Flow(spec, model, limit_mm_s=LIMIT_MM_S)

    assert [r.score for r in push(plain, windows)] == [r.score for r in push(limited, windows)]


def test_a_limit_that_was_set_or_taken_away_meanwhile_does_not_cost_the_state(
    spec: FlowSpec, model: Model
) -> None:
    limited = Flow(spec, model, limit_mm_s=LIMIT_MM_S)
    push(limited, [shaking(9.0)] * 3)
    assert limited.judge.anomalies.open is not None
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(limited.state()), type=FlowState)

    again = Flow(spec, model, limit_mm_s=LIMIT_MM_S)
    again.restore(saved)
    plain = Flow(spec, model)
    plain.restore(saved)
    later = Flow(spec, model, limit_mm_s=LIMIT_MM_S)
    later.restore(plain.state())

    assert again.judge.rules["limit"].is_open
    assert push(again, [shaking(9.0)])[0].event is None
    assert not later.judge.rules["limit"].is_open
