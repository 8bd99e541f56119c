from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.succession import computes_alike, cuts_alike, take_over
from edge_agent.plugin import Block

START_NS = 1_700_000_000_000_000_000
RATE_HZ, LENGTH, WASHOUT = 1024.0, 256, 10
WINDOW_NS = 250_000_000
Samples = NDArray[np.float32]
Vibration = Callable[..., Samples]


def blocks(samples: Samples, length: int = LENGTH) -> list[Block]:
    return [
        Block(samples[i : i + length], START_NS + round(i / RATE_HZ * 1e9), RATE_HZ, "g", ("x",))
        for i in range(0, len(samples), length)
    ]


def run(flow: Flow, some: list[Block]) -> list[WindowResult]:
    return [result for block in some for result in flow.push_block(block)]


@pytest.fixture
def other_spec(flow_spec: FlowSpec) -> FlowSpec:
    """Another bundle for the same input: another scaler, another threshold, other rules."""
    scaler = flow_spec.scaler
    return replace(
        flow_spec,
        scaler=replace(scaler, offset=tuple(v + 0.1 for v in scaler.offset)),
        threshold=replace(flow_spec.threshold, value=1.25 * flow_spec.threshold.value),
        alarm=replace(flow_spec.alarm, k=1, n=1, close_after=3),
    )


def succeeded(spec: FlowSpec, model: Model, former: Flow) -> Flow:
    flow = Flow(spec, model)
    flow.warm_up(former.scorer.recent)
    take_over(flow, former)
    return flow


def test_the_next_window_is_scored_as_if_the_new_bundle_had_always_judged(
    flow_spec: FlowSpec, other_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    some = blocks(vibration(120, seed=3))
    undisturbed = run(Flow(other_spec, model), some)[60:]
    former = Flow(flow_spec, model)
    run(former, some[:60])
    results = run(succeeded(other_spec, model, former), some[60:])
    assert [r.index for r in results] == list(range(60, 120))
    assert not any(r.gap for r in results)
    assert [r.reason for r in results] == [None] * 60
    off = [abs(a.score / b.score - 1) for a, b in zip(results, undisturbed, strict=True)]  # type: ignore[operator]
    assert max(off) <= other_spec.model.washout_tolerance


def test_samples_that_wait_for_the_next_window_are_in_it(
    flow_spec: FlowSpec, other_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    given = replace(flow_spec.input, hop=100)
    spec, other = replace(flow_spec, input=given), replace(other_spec, input=given)
    some = blocks(vibration(40, seed=4), 90)
    undisturbed = run(Flow(spec, model), some)
    former = Flow(spec, model)
    before = run(former, some[:51])
    after = run(succeeded(other, model, former), some[51:])
    seen = [*before, *after]
    assert [r.start_ns for r in seen] == [r.start_ns for r in undisturbed]
    assert not any(r.gap for r in seen)
    for one, same in zip(seen, undisturbed, strict=True):
        assert one.vector is not None
        assert same.vector is not None
        assert np.array_equal(one.vector, same.vector)


def loud(former: Flow, vibration: Vibration) -> None:
    samples = np.concatenate((vibration(40, seed=5), vibration(10, 1.0, seed=6)))
    run(former, blocks(samples))
    assert former.judge.anomalies.open is not None


def after(flow: Flow, samples: Samples, model: Any = None) -> list[WindowResult]:
    del model
    start_ns = START_NS + 50 * WINDOW_NS
    return [
        result
        for block in blocks(samples)
        for result in flow.push_block(
            Block(block.samples, block.start_ns - START_NS + start_ns, RATE_HZ, "g", ("x",))
        )
    ]


def test_an_open_anomaly_goes_on_under_its_number_until_the_new_bundle_finds_calm(
    flow_spec: FlowSpec, other_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    former = Flow(flow_spec, model)
    loud(former, vibration)
    opened = former.judge.anomalies.open
    assert opened is not None
    number, start_ns = opened.number, opened.start_ns
    results = after(succeeded(other_spec, model, former), vibration(60, seed=7))
    events = [r.event for r in results if r.event is not None]
    assert (events[0].kind, events[0].number, events[0].start_ns) == ("close", number, start_ns)
    assert events[0].index >= 50 + other_spec.alarm.close_after - 1
    assert results[0].anomaly


def test_without_the_detector_that_opened_it_the_network_has_to_find_calm(
    flow_spec: FlowSpec, other_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    former = Flow(flow_spec, model)
    loud(former, vibration)
    former.judge.rules["network"].is_open = False
    flow = succeeded(replace(other_spec, level=None), model, former)
    results = after(flow, vibration(20, seed=8))
    closes = [r for r in results if r.event is not None and r.event.kind == "close"]
    assert closes
    assert closes[0].index >= 50 + other_spec.alarm.close_after - 1


def test_what_the_former_thresholds_said_opens_nothing_under_the_new_ones(
    flow_spec: FlowSpec, other_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    spec = replace(flow_spec, alarm=AlarmSpec(k=5, n=9), level=None)
    former = Flow(spec, model)
    run(former, blocks(vibration(40, seed=9)))
    former.judge.rules["network"].recent.extend([True] * 4)
    flow = succeeded(replace(other_spec, alarm=AlarmSpec(k=5, n=9)), model, former)
    assert not any(r.anomaly for r in after(flow, vibration(20, seed=10)))


def test_what_is_known_of_the_machine_is_kept(
    flow_spec: FlowSpec, other_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    former = Flow(flow_spec, model, range_max=2.0)
    run(former, blocks(np.concatenate((vibration(30, seed=11), 0.01 * vibration(5, seed=12)))))
    assert former.gate.idle_since_ns is not None
    idle_since_ns, bias = former.gate.idle_since_ns, former.bias.state
    flow = succeeded(other_spec, model, former)
    assert (flow.gate.idle_since_ns, flow.bias.state) == (idle_since_ns, bias)
    assert flow.broken
    assert flow.range_max == 2.0


def test_only_the_same_windows_and_features_go_on_unbroken(
    flow_spec: FlowSpec, other_spec: FlowSpec
) -> None:
    assert computes_alike(other_spec, flow_spec)
    longer = replace(other_spec, input=replace(other_spec.input, length=512))
    assert not cuts_alike(longer, flow_spec)
    assert not computes_alike(longer, flow_spec)
    renamed = replace(other_spec, feature_names=tuple(reversed(other_spec.feature_names)))
    assert cuts_alike(renamed, flow_spec)
    assert not computes_alike(renamed, flow_spec)
