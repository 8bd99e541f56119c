from collections.abc import Callable, Iterable

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.block import InputError
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.window import Window
from edge_agent.plugin import Block, FeatureError

START_NS = 1_700_000_000_000_000_000
RATE_HZ, LENGTH, WASHOUT = 1024.0, 256, 10
WINDOW_NS = 250_000_000
Vectors = NDArray[np.float32]
History = tuple[Vectors, Vectors]
Vibration = Callable[..., NDArray[np.float32]]


def block(
    samples: NDArray[np.float32], at: int = 0, *, gap_before: bool = False, utc_offset_ns: int = 0
) -> Block:
    """Samples from window number ``at`` on."""
    start_ns = START_NS + at * WINDOW_NS
    return Block(samples, start_ns, RATE_HZ, "g", ("x",), gap_before, utc_offset_ns)


def push(flow: Flow, vectors: Iterable[Vectors], first: int = 0) -> list[WindowResult]:
    return [
        flow.push_vector(v, START_NS + i * WINDOW_NS, START_NS + (i + 1) * WINDOW_NS)
        for i, v in enumerate(vectors, first)
    ]


def test_a_failing_machine_goes_from_washout_through_quiet_to_one_open_anomaly(
    flow_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    flow = Flow(flow_spec, model)

    healthy = list(flow.push_block(block(vibration(30, seed=5))))
    faulty = list(flow.push_block(block(vibration(10, 1.0), 30)))
    healed = list(flow.push_block(block(vibration(30, seed=6), 40)))

    results = healthy + faulty + healed
    assert [r.index for r in results] == list(range(70))
    assert [r.start_ns for r in results] == [START_NS + i * WINDOW_NS for i in range(70)]
    assert [r.reason for r in healthy] == ["washout"] * WASHOUT + [None] * (30 - WASHOUT)
    assert not any(r.anomaly for r in healthy)
    assert all(r.score is not None and r.score < r.threshold for r in healthy[WASHOUT:])
    events = [r.event for r in results if r.event is not None]
    assert events[0].kind == "open"
    assert events[-1].kind == "close"
    assert {e.number for e in events} == {1}
    assert 30 <= events[0].index <= 32
    assert events[0].severity > 1.0
    open_from, open_to = events[0].index, events[-1].index
    assert [r.anomaly for r in results] == [open_from <= i < open_to for i in range(70)]


def test_scored_windows_carry_shares_that_sum_to_one_and_events_name_the_largest(
    flow_spec: FlowSpec, model: Model, history: History
) -> None:
    results = push(Flow(flow_spec, model), history[1])

    for result in results:
        assert (result.shares is None) == (result.score is None)
        if result.shares is not None:
            assert result.shares.shape == (11,)
            assert result.shares.sum() == pytest.approx(1.0, abs=1e-5)
        if result.event is not None:
            shares = [share for _, share in result.event.features]
            assert shares == sorted(shares, reverse=True)
            assert {name for name, _ in result.event.features} <= set(flow_spec.feature_names)


def test_bias_and_vector_are_reported_and_the_bias_changes_no_score(
    flow_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    samples = vibration(20)

    plain = list(Flow(flow_spec, model).push_block(block(samples)))
    tilted = list(Flow(flow_spec, model).push_block(block(samples + np.float32(0.5))))

    for one, other in zip(plain, tilted, strict=True):
        assert one.bias is not None
        assert other.bias is not None
        np.testing.assert_allclose(other.bias - one.bias, 0.5, atol=1e-5)
        assert (other.score is None) == (one.score is None)
        if one.score is not None:
            assert other.score == pytest.approx(one.score, rel=1e-3)


def test_flows_that_share_a_model_do_not_disturb_each_other(
    flow_spec: FlowSpec, model: Model, history: History
) -> None:
    first, second = history[1], history[1][::-1].copy()
    alone = [
        [r.score for r in push(Flow(flow_spec, model), vectors)] for vectors in (first, second)
    ]

    flows = Flow(flow_spec, model), Flow(flow_spec, model)
    together: list[list[float | None]] = [[], []]
    for i in range(len(first)):
        for flow, vectors, scores in zip(flows, (first, second), together, strict=True):
            scores.append(push(flow, vectors[i : i + 1], i)[0].score)

    assert together == alone


def test_an_idle_machine_is_marked_and_not_scored(
    flow_spec: FlowSpec, model: Model, history: History
) -> None:
    flow = Flow(flow_spec, model)
    push(flow, history[1][:20])

    idle = push(flow, [np.full(11, 1e-4, np.float32)] * 5, 20)

    assert {(r.reason, r.score, r.level_score, r.event) for r in idle} == {
        ("idle", None, None, None)
    }
    assert not any(r.anomaly for r in idle)


def test_idling_does_not_close_an_alarm(
    flow_spec: FlowSpec, model: Model, history: History
) -> None:
    flow = Flow(flow_spec, model)
    assert push(flow, history[1])[-1].anomaly

    idle = push(flow, [np.full(11, 1e-4, np.float32)] * 5, 40)

    assert all(r.anomaly for r in idle)


def test_the_window_after_a_gap_is_held_against_no_forecast(
    flow_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    flow = Flow(flow_spec, model)
    list(flow.push_block(block(vibration(20))))

    results = list(flow.push_block(block(vibration(3), 50)))

    assert [(r.gap, r.reason) for r in results] == [(True, "gap"), (False, None), (False, None)]
    assert results[0].level_score is not None


@pytest.mark.parametrize("between", ["idle", "invalid", "gap"])
def test_the_window_after_unseen_ones_is_held_against_no_forecast(
    flow_spec: FlowSpec, model: Model, history: History, between: str
) -> None:
    flow = Flow(flow_spec, model)
    push(flow, history[1][:20])
    unseen = np.full(11, np.nan if between == "invalid" else 1e-4, np.float32)

    flow.push_vector(unseen, START_NS, START_NS, gap=between == "gap")
    after = push(flow, history[1][20:22], 21)

    assert [r.reason for r in after] == ["gap", None]


def test_a_missing_number_is_invalid_and_named(
    flow_spec: FlowSpec, model: Model, history: History
) -> None:
    flow = Flow(flow_spec, model)
    vector = history[1][0].copy()
    vector[1] = np.nan

    (result,) = push(flow, [vector])

    assert (result.reason, result.score) == ("invalid", None)
    assert result.detail is not None
    assert "x_kurtosis" in result.detail
    assert len(flow.scorer.recent) == 0


def test_samples_that_are_no_numbers_are_invalid_and_the_flow_goes_on(
    flow_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    samples = vibration(30)
    samples[15 * LENGTH + 3] = np.nan

    results = list(Flow(flow_spec, model).push_block(block(samples)))

    assert [r.index for r in results if r.reason == "invalid"] == [15]
    assert results[15].vector is None
    assert results[15].detail
    assert all(r.score is not None for r in results[17:])


@pytest.mark.parametrize("wild", [3e38, 1e30, 1e18])
@pytest.mark.parametrize("input_clip", [4.0, None])
def test_one_absurd_window_does_not_end_scoring(
    flow_spec: FlowSpec,
    model: Model,
    history: History,
    wild: float,
    input_clip: float | None,
) -> None:
    scaler = msgspec.structs.replace(
        flow_spec.scaler, input_clip=input_clip, transform=("identity",) * 11
    )
    flow = Flow(msgspec.structs.replace(flow_spec, scaler=scaler), model)
    push(flow, history[1][:20])

    (absurd,) = push(flow, [np.full(11, wild, np.float32)], 20)
    after = push(flow, history[1][:30], 21)

    assert absurd.score is not None
    assert np.isfinite(absurd.score)
    assert all(r.score is not None and np.isfinite(r.score) for r in after)


def test_an_alarm_of_the_level_alone_opens_an_anomaly_that_names_it(
    flow_spec: FlowSpec, model: Model, history: History
) -> None:
    blind = msgspec.structs.replace(
        flow_spec, threshold=msgspec.structs.replace(flow_spec.threshold, value=1e12)
    )

    events = [r.event for r in push(Flow(blind, model), history[1]) if r.event is not None]

    assert (events[0].kind, events[0].detector) == ("open", "level")
    assert events[0].features == (("x_rms", 1.0),)


def test_without_a_level_detector_the_network_is_alone(
    flow_spec: FlowSpec, model: Model, history: History
) -> None:
    flow = Flow(msgspec.structs.replace(flow_spec, level=None), model)

    results = push(flow, history[1])

    assert all(r.level_score is None and r.level_threshold is None for r in results)
    assert next(r.event for r in results if r.event is not None).detector == "network"


def test_clipped_windows_are_scored_and_marked(
    flow_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    samples = vibration(15)
    samples[12 * LENGTH] = 2.0

    results = list(Flow(flow_spec, model, range_max=2.0).push_block(block(samples)))

    assert [r.index for r in results if r.clipped] == [12]
    assert results[12].score is not None


def test_rows_of_a_feature_table_give_what_their_windows_gave(
    features_flow_spec: FlowSpec, flow_spec: FlowSpec, model: Model, history: History
) -> None:
    table = Flow(features_flow_spec, model)
    names = features_flow_spec.feature_names
    period_ns = 600 * 10**9

    results = [
        result
        for i, vector in enumerate(history[1])
        for result in table.push_block(Block(vector[None], i * period_ns, None, None, names))
    ]

    expected = push(Flow(flow_spec, model), history[1])
    assert [r.score for r in results] == [r.score for r in expected]
    assert all(r.bias is None for r in results)
    assert not any(r.gap for r in results)


def test_a_block_of_another_rate_is_refused(flow_spec: FlowSpec, model: Model) -> None:
    wrong = Block(np.zeros((10, 1), np.float32), 0, 512.0, "g", ("x",))

    with pytest.raises(InputError, match="rate_hz"):
        list(Flow(flow_spec, model).push_block(wrong))


def test_features_in_another_order_than_the_bundles_are_refused(
    flow_spec: FlowSpec, model: Model
) -> None:
    wrong = msgspec.structs.replace(flow_spec, features=flow_spec.features[::-1])

    with pytest.raises(FeatureError, match="the bundle was made with"):
        Flow(wrong, model)


def test_a_raw_window_and_its_vector_score_the_same(
    flow_spec: FlowSpec, model: Model, history: History
) -> None:
    windows, vectors = history
    raw = Flow(flow_spec, model)

    found = [
        raw.push_window(Window(w, i, i + 1, gap=False, clipped=False)).score
        for i, w in enumerate(windows)
    ]

    assert found == [r.score for r in push(Flow(flow_spec, model), vectors)]


@pytest.mark.parametrize("hours", [1, -1, 8766, -8766])
def test_setting_the_wall_clock_breaks_no_window_and_an_anomaly_lasts_as_long_as_it_did(
    flow_spec: FlowSpec, model: Model, vibration: Vibration, hours: int
) -> None:
    step_ns = hours * 3600 * 10**9
    flow = Flow(flow_spec, model)
    results = list(flow.push_block(block(vibration(30, seed=5))))
    results += flow.push_block(block(vibration(10, 1.0), 30))
    results += flow.push_block(block(vibration(30, seed=6), 40, utc_offset_ns=step_ns))

    assert len(results) == 70
    assert not any(r.gap for r in results)
    assert [r.steady_ns for r in results] == [START_NS + i * WINDOW_NS for i in range(70)]
    assert {r.start_ns - r.steady_ns for r in results[40:]} == {step_ns}
    events = [r.event for r in results if r.event is not None]
    opened, closed = events[0], events[-1]
    assert opened.kind == "open"
    assert closed.kind == "close"
    assert closed.start_ns == opened.start_ns == opened.opened_ns
    assert closed.end_ns is not None
    assert closed.end_ns - closed.opened_ns == (closed.index - opened.index + 1) * WINDOW_NS


def test_an_anomaly_of_an_earlier_run_never_opens_after_it_closes(
    flow_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    """In another boot nothing tells by how much the clock was set meanwhile."""
    before = Flow(flow_spec, model)
    list(before.push_block(block(vibration(30, seed=5))))
    list(before.push_block(block(vibration(10, 1.0), 30)))
    flow = Flow(flow_spec, model)
    flow.restore(before.state())
    flow.change_clock()
    year_ns = 8766 * 3600 * 10**9
    results = list(flow.push_block(block(vibration(30, seed=6), 40, utc_offset_ns=-year_ns)))
    events = [r.event for r in results if r.event is not None]
    (closed,) = (event for event in events if event.kind == "close")
    assert closed.end_ns is not None
    assert closed.opened_ns <= closed.end_ns


def test_a_flat_line_is_the_sensors_fault_and_the_next_window_held_against_no_forecast(
    flow_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    flow = Flow(flow_spec, model)
    list(flow.push_block(block(vibration(15, seed=5))))
    flat, after, then = (
        *flow.push_block(block(np.full((LENGTH, 1), 0.3, np.float32), 15)),
        *flow.push_block(block(vibration(2, seed=6), 16)),
    )
    assert (flat.reason, flat.score, flat.vector) == ("sensor_fault", None, None)
    assert flat.detail == "flat line: every sample of channel x is 0.3 g"
    assert (after.reason, then.reason) == ("gap", None)


def test_a_window_that_is_left_out_is_counted(
    flow_spec: FlowSpec, model: Model, vibration: Vibration
) -> None:
    flow = Flow(flow_spec, model)
    (window,) = flow.windows(block(vibration(1)))
    result = flow.leave_out(window, "the interpreter failed")
    assert (result.index, result.reason, result.detail) == (0, "error", "the interpreter failed")
    assert flow.index == 1
