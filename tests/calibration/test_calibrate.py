"""From healthy windows to thresholds, around a small real model."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.prepare import Prepared, prepare
from edge_agent.calibration.scaler import robust_location_scale
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.denoise import Denoiser
from edge_agent.pipeline.level import LevelDetector
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.spec import FlowSpec
from trainer.evaluate import run
from trainer.recipe import Recipe, load_recipe

replace = msgspec.structs.replace
DEFAULT = load_recipe("default")
NAMES = ("a_rms", "a_kurtosis", "a_peak")
# the small model of the tests predicts eleven features and washes out in ten
SMALL = replace(DEFAULT, washout=10, warm_up=40)


def _vectors(n: int = 100, seed: int = 4) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    rms = 0.1 * np.exp(0.02 * rng.standard_normal(n))
    columns = (rms, 0.1 * rng.standard_normal(n), 4.0 * rms)
    vectors: NDArray[np.float32] = np.stack(columns, axis=1).astype(np.float32)
    return vectors


@pytest.fixture(scope="module")
def healthy(flow_spec: FlowSpec, history: Any, make_series: Any) -> Series:
    """120 healthy windows of the eleven features that the small model takes."""
    rng = np.random.default_rng(8)
    spread = np.exp(0.05 * rng.standard_normal((120, 11)))
    vectors = np.tile(history[1][:30], (4, 1)) * spread
    made: Series = make_series(vectors, flow_spec.feature_names)
    return made


def _calibrated(recipe: Recipe, series: Series, model: Model, n: int = 120) -> FlowSpec:
    return calibrate(recipe, series, prepare(recipe, series, (0, n)), model)


# --- which windows are learned from


@pytest.mark.parametrize("healthy", [(-1, 50), (0, 101), (60, 60), (70, 60)])
def test_a_healthy_part_outside_the_recording_is_refused(
    make_series: Any, healthy: tuple[int, int]
) -> None:
    with pytest.raises(
        DataError, match=f"healthy is {healthy[0]}:{healthy[1]}, allowed: within 0:100"
    ):
        prepare(DEFAULT, make_series(_vectors(), NAMES), healthy)


def test_fewer_than_20_windows_tell_nothing(make_series: Any) -> None:
    series = make_series(_vectors(), NAMES)
    with pytest.raises(DataError, match=r"with 19 windows .* allowed: at least 20"):
        prepare(DEFAULT, series, (5, 24))
    assert len(prepare(DEFAULT, series, (5, 25)).rows) == 20


def test_idle_and_invalid_windows_are_not_learned(make_series: Any) -> None:
    vectors = _vectors()
    vectors[30:40] *= 0.01
    vectors[50, 1] = np.nan
    vectors[60] = np.inf
    ready = prepare(DEFAULT, make_series(vectors, NAMES), (10, 90))
    expected = [*range(10, 30), *range(40, 50), *range(51, 60), *range(61, 90)]
    assert ready.rows.tolist() == expected
    assert np.isfinite(ready.scaled).all()


def test_a_rest_longer_than_the_gate_marks_is_not_learned_either(make_series: Any) -> None:
    vectors = _vectors()
    vectors[30:60] *= 0.01
    days = make_series(vectors, NAMES, period_s=10 * 86400.0)
    assert prepare(DEFAULT, days, (0, 100)).rows.tolist() == [*range(30), *range(60, 100)]


def test_a_healthy_part_without_a_valid_window_says_so(make_series: Any) -> None:
    series = make_series(np.full((50, 3), np.nan), NAMES)
    with pytest.raises(DataError, match="with 0 windows that are neither idle nor invalid"):
        prepare(DEFAULT, series, (0, 50))


def test_a_machine_without_a_level_is_never_at_rest(make_series: Any) -> None:
    values = np.random.default_rng(1).standard_normal((60, 1))
    values[10] = 0.0
    ready = prepare(DEFAULT, make_series(values, ("value",)), (0, 60))
    assert ready.gate is None
    assert len(ready.rows) == 60


def test_a_dead_channel_does_not_keep_the_machine_from_resting(make_series: Any) -> None:
    alive, dead = _vectors(), np.zeros_like(_vectors())
    alive[40:43] *= 0.01
    names = tuple(f"{channel}_{name.partition('_')[2]}" for channel in "ab" for name in NAMES)
    ready = prepare(DEFAULT, make_series(np.hstack((alive, dead)), names), (0, 100))
    assert ready.gate is not None
    assert ready.gate.features == (0,)
    assert len(ready.rows) == 97


def test_the_latest_share_is_held_out_of_the_fit(make_series: Any) -> None:
    ready = prepare(DEFAULT, make_series(_vectors(), NAMES), (0, 100))
    assert ready.fitted == 70
    assert ready.segments() == [slice(0, 70)]


def test_segments_end_at_gaps_and_at_windows_left_out(make_series: Any) -> None:
    vectors = _vectors()
    vectors[40:43] *= 0.01
    series = make_series(vectors, NAMES, gaps=(20, 90))
    ready = prepare(DEFAULT, series, (0, 100))
    assert np.flatnonzero(ready.after_gap).tolist() == [0, 20, 40, 87]
    assert ready.segments() == [slice(0, 20), slice(20, 40), slice(40, 68)]


def test_the_network_sees_no_more_than_the_clip(make_series: Any) -> None:
    vectors = _vectors()
    vectors[50] *= 3.0
    ready = prepare(DEFAULT, make_series(vectors, NAMES), (0, 100))
    assert np.abs(ready.scaled).max() > 3.0 == np.abs(ready.seen).max()


def test_what_is_denoised_is_scaled_but_vectors_stay_as_computed(make_series: Any) -> None:
    baosight = load_recipe("baosight")
    vectors = _vectors()
    ready = prepare(baosight, make_series(vectors, NAMES), (0, 100))
    np.testing.assert_array_equal(ready.vectors, vectors)
    assert baosight.denoise is not None
    denoiser = Denoiser(baosight.denoise, 3)
    smooth = np.array([denoiser.push(v) for v in vectors])
    expected = (smooth - smooth.mean(axis=0)) / smooth.std(axis=0)
    np.testing.assert_allclose(ready.scaled, expected, atol=1e-4)


def test_a_feature_that_never_varies_is_scaled_to_0(make_series: Any) -> None:
    vectors = _vectors()
    vectors[:, 1] = 7.0
    ready = prepare(DEFAULT, make_series(vectors, NAMES), (0, 100))
    np.testing.assert_allclose(ready.scaled[:, 1], 0.0, atol=1e-3)


# --- the numbers that decide on an alarm


def _scores(spec: FlowSpec, model: Model, series: Series) -> NDArray[np.float64]:
    found = [r.score for r in run(spec, model, series)]
    return np.array([np.nan if s is None else s for s in found])


def test_the_threshold_stands_on_the_scores_that_the_gateway_computes(
    model: Model, healthy: Series
) -> None:
    spec = _calibrated(SMALL, healthy, model)
    scores = _scores(spec, model, healthy)
    # the average begins with the first score here and ten windows earlier there
    later = scores[30:]
    assert spec.threshold.calibration_windows == 109
    assert spec.threshold.calibration[0] <= 1.001 * later.min()
    assert spec.threshold.calibration[-1] >= 0.999 * later.max()
    assert np.log(spec.threshold.value / np.median(later)) >= SMALL.threshold.least_margin
    assert (later < spec.threshold.value).all()


@pytest.mark.parametrize("scores", ["held_out", "healthy"])
def test_a_quantile_is_that_of_the_windows_held_out_or_of_all(
    model: Model, healthy: Series, scores: Any
) -> None:
    louder = np.array(healthy.vectors)
    louder[84:, 1] += 40.0  # the 36 windows held out have a kurtosis of their own
    series = dataclasses.replace(healthy, vectors=louder)
    choice = replace(SMALL.threshold, method="quantile", parameter=0.1, scores=scores)
    spec = _calibrated(replace(SMALL, threshold=choice), series, model)
    late = np.nanmin(_scores(spec, model, series)[90:])
    assert spec.threshold.calibration_windows == (36 if scores == "held_out" else 109)
    assert (spec.threshold.value > 0.9 * late) == (scores == "held_out")


def test_where_nothing_is_held_out_all_healthy_scores_are_used(
    model: Model, healthy: Series
) -> None:
    choice = replace(SMALL.threshold, method="quantile", parameter=0.5, scores="held_out")
    spec = _calibrated(replace(SMALL, threshold=choice, held_out_share=0.0), healthy, model)
    assert spec.threshold.calibration_windows == 109


def test_a_jump_across_a_gap_does_not_move_the_threshold(model: Model, healthy: Series) -> None:
    """The forecast was for another time: the gateway does not score it, nor does the trainer."""
    biggest = replace(SMALL.threshold, method="quantile", parameter=1.0, scores="healthy")
    unsmoothed = replace(SMALL.smoothing, alpha=1.0)
    recipe = replace(SMALL, threshold=biggest, smoothing=unsmoothed)
    vectors, gap = np.array(healthy.vectors), np.array(healthy.gap)
    vectors[60, 1] += 40.0
    gap[60] = True
    wild = dataclasses.replace(healthy, vectors=vectors)
    with_gap = _calibrated(recipe, dataclasses.replace(wild, gap=gap), model)
    without = _calibrated(recipe, wild, model)
    assert with_gap.threshold.calibration_windows == without.threshold.calibration_windows - 1
    assert with_gap.threshold.value < without.threshold.value


def test_scores_without_a_threshold_are_refused(model: Model, healthy: Series) -> None:
    choice = replace(SMALL.threshold, method="quantile", parameter=2.0)
    with pytest.raises(DataError, match=r"no threshold can be chosen.* allowed: 0 to 1"):
        _calibrated(replace(SMALL, threshold=choice), healthy, model)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_an_alarm_closes_at_a_share_of_the_way_from_median_to_threshold(
    model: Model, healthy: Series, share: float
) -> None:
    choice = replace(SMALL.threshold, close_share=share)
    spec = _calibrated(replace(SMALL, threshold=choice), healthy, model)
    closes_at = np.log(spec.alarm.close_ratio * spec.threshold.value)
    median = np.log(np.median(spec.threshold.calibration))
    way = (closes_at - median) / (np.log(spec.threshold.value) - median)
    assert way == pytest.approx(share, abs=0.02)


def test_without_a_share_the_recipes_own_alarm_rule_holds(model: Model, healthy: Series) -> None:
    choice = replace(SMALL.threshold, close_share=None)
    alarm = replace(SMALL.alarm, close_ratio=0.7)
    spec = _calibrated(replace(SMALL, threshold=choice, alarm=alarm), healthy, model)
    assert spec.alarm == alarm


@pytest.mark.parametrize(
    ("change", "decides"),
    [
        ({"threshold": 50.0}, "the least threshold"),
        ({"threshold": 0.1, "margin": 0.1}, "sigmas above the median"),
        ({"threshold": 0.1, "sigmas": 0.0, "margin": 3.0}, "a margin over the 99th percentile"),
    ],
)
def test_the_levels_threshold_is_the_largest_of_three(
    model: Model, healthy: Series, change: dict[str, float], decides: str
) -> None:
    assert SMALL.level is not None
    choice = replace(SMALL.level, **change)
    level = _calibrated(replace(SMALL, level=choice), healthy, model).level
    assert level is not None
    detector = LevelDetector(level)
    settled = np.array([detector.push(v)[0] for v in healthy.vectors])[10:]
    (median,), (spread,) = robust_location_scale(settled[:, None])
    rules = {
        "the least threshold": choice.threshold,
        "sigmas above the median": median + choice.sigmas * spread,
        "a margin over the 99th percentile": choice.margin * np.quantile(settled, 0.99),
    }
    assert max(rules, key=lambda rule: rules[rule]) == decides
    assert level.threshold == pytest.approx(rules[decides])


def test_a_level_of_0_is_taken_as_it_is(make_series: Any) -> None:
    vectors = _vectors()
    vectors[:, 0] = 0.0
    ready: Prepared = prepare(DEFAULT, make_series(vectors, NAMES), (0, 100))
    assert len(ready.rows) == 100
    assert ready.scaler.transform[0] == "identity"
    assert not any(ready.scaler.power)


def test_every_parameter_fits_the_features(model: Model, healthy: Series) -> None:
    spec = _calibrated(SMALL, healthy, model)
    assert spec.feature_names == healthy.names
    assert spec.gate is not None
    assert spec.level is not None
    assert [healthy.names[i] for i in spec.gate.features] == ["x_rms"]
    assert spec.level.features == spec.gate.features
    assert len(spec.scorer.mean) == len(spec.scaler.offset) == 11
    assert np.isfinite(np.array(spec.scorer.precision)).all()
