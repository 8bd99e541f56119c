from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import Golden
from edge_agent.bundle.golden import check_golden
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.window import Window
from trainer.measure import (
    GoldenHistoryError,
    golden_history,
    golden_raw_count,
    washout_tolerance,
)

replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def vectors(history: Any) -> NDArray[np.float32]:
    """200 healthy vectors of the small model."""
    spread = np.exp(0.05 * np.random.default_rng(8).standard_normal((200, 11)))
    made: NDArray[np.float32] = (np.tile(history[1][:30], (7, 1))[:200] * spread).astype(np.float32)
    return made


def _times(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.arange(len(vectors))


def _warmed_up_over(spec: FlowSpec, vectors: int) -> FlowSpec:
    return replace(spec, model=replace(spec.model, washout_vectors=vectors))


def test_the_tolerance_is_what_a_restart_costs(
    flow_spec: FlowSpec, model: Model, vectors: NDArray[np.float32]
) -> None:
    stated = washout_tolerance(flow_spec, model, vectors, _times(vectors))
    assert 0.0 < stated < 0.1
    whole = Flow(flow_spec, model)
    undisturbed = [whole.push_vector(v, i, i + 1).score for i, v in enumerate(vectors)]
    restarted = Flow(flow_spec, model)
    restarted.warm_up((i, vectors[i]) for i in range(75, 115))
    for i in range(115, 125):
        score, expected = restarted.push_vector(vectors[i], i, i + 1).score, undisturbed[i]
        assert score is not None
        assert expected is not None
        assert abs(score - expected) <= 3.0 * stated * expected


def test_a_longer_warm_up_costs_less(
    flow_spec: FlowSpec, model: Model, vectors: NDArray[np.float32]
) -> None:
    short, long = (
        washout_tolerance(_warmed_up_over(flow_spec, n), model, vectors, _times(vectors))
        for n in (15, 60)
    )
    assert long < short


def test_it_is_measured_even_where_the_healthy_part_is_shorter_than_the_warm_up(
    flow_spec: FlowSpec, model: Model, vectors: NDArray[np.float32]
) -> None:
    few, spec = vectors[:30], _warmed_up_over(flow_spec, 40)
    assert 0.0 < washout_tolerance(spec, model, few, _times(few)) < 0.1


def test_a_perfect_forecast_is_no_division_by_0(
    flow_spec: FlowSpec, model: Model, vectors: NDArray[np.float32]
) -> None:
    # nothing is left of a residual on this scale
    spec = replace(flow_spec, scaler=replace(flow_spec.scaler, scale=(1e30,) * 11))
    assert np.isfinite(washout_tolerance(spec, model, vectors, _times(vectors)))


def _golden(spec: FlowSpec, model: Model, vectors: NDArray[np.float32]) -> Golden:
    return golden_history(spec, model, (vectors, _times(vectors)), [])


def test_golden_vectors_lead_from_washout_over_quiet_into_an_alarm(
    features_flow_spec: FlowSpec, model: Model, vectors: NDArray[np.float32]
) -> None:
    golden = _golden(features_flow_spec, model, vectors)
    assert np.isnan(golden.scores[:10]).all()
    assert np.isfinite(golden.scores[10:]).all()
    assert not golden.anomaly[:30].any()
    assert golden.anomaly[-1]
    check_golden(Flow(features_flow_spec, model), golden)


def test_golden_windows_of_samples_are_raw_quiet_and_loud(
    flow_spec: FlowSpec, model: Model, vectors: NDArray[np.float32], history: Any
) -> None:
    raw = [Window(w, i, i + 1, gap=False, clipped=False) for i, w in enumerate(history[0][26:30])]
    quiet = np.concatenate((vectors, history[1][26:30]))
    golden = golden_history(flow_spec, model, (quiet, _times(quiet)), raw)
    assert golden.samples.shape == (5, 256, 1)
    np.testing.assert_array_equal(golden.samples[:4], history[0][26:30])
    assert np.abs(golden.samples[4]).max() > 3.0 * np.abs(golden.samples[3]).max()
    np.testing.assert_array_equal(golden.vectors[golden.at[:4]], history[1][26:30])
    assert golden.anomaly[-1]
    check_golden(Flow(flow_spec, model), golden)


def test_a_history_of_a_few_windows_is_enough(
    features_flow_spec: FlowSpec, model: Model, vectors: NDArray[np.float32]
) -> None:
    assert _golden(features_flow_spec, model, vectors[:20]).anomaly.any()


def test_a_detector_that_nothing_alarms_does_not_ship(
    features_flow_spec: FlowSpec, model: Model, vectors: NDArray[np.float32]
) -> None:
    deaf = replace(
        features_flow_spec,
        threshold=replace(features_flow_spec.threshold, value=1e30),
        level=None,
    )
    with pytest.raises(GoldenHistoryError, match="the alarm is deaf"):
        _golden(deaf, model, vectors)


@pytest.mark.parametrize(
    ("length", "channels", "count"), [(256, 1, 4), (20480, 4, 3), (102400, 8, 1)]
)
def test_raw_windows_are_fewer_the_larger_they_are(length: int, channels: int, count: int) -> None:
    assert golden_raw_count(length, channels) == count
