from typing import Any

import numpy as np
import pytest

from edge_agent.calibration.series import Series
from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.spec import FlowSpec
from trainer.evaluate import run
from trainer.metrics import MetricError, volume_under_surface
from trainer.outcome import (
    Outcome,
    Truth,
    flow_watch,
    measure,
    measure_all,
    outcome_of,
    outcome_of_ratios,
    part_watches,
    random_watch,
)

HEALTHY = (0, 30)


@pytest.fixture(scope="module")
def series(history: Any, flow_spec: FlowSpec, make_series: Any) -> Series:
    """Thirty healthy windows, ten faulty, thirty healthy; two at rest, one invalid."""
    vectors = np.concatenate((history[1], history[1][:30]))
    vectors[15:17] *= np.float32(1e-3)
    vectors[20] = np.nan
    made: Series = make_series(vectors, flow_spec.feature_names)
    return made


def test_scores_are_shares_of_the_threshold_and_missing_where_nothing_was_scored(
    flow_spec: FlowSpec, model: Model, series: Series
) -> None:
    results = run(flow_spec, model, series)
    found = outcome_of(results, flow_spec)
    network, level = found.detectors
    for result, ratio, level_ratio in zip(results, network.values, level.values, strict=True):
        expected = np.nan if result.score is None else result.score / flow_spec.threshold.value
        np.testing.assert_allclose(ratio, expected)
        scored = result.level_score is not None and result.reason != "washout"
        assert np.isfinite(level_ratio) == scored
    both = np.stack((network.values, level.values))
    seen = ~np.isnan(both).all(axis=0)
    np.testing.assert_array_equal(found.ratios[seen], np.nanmax(both[:, seen], axis=0))
    assert np.isnan(found.ratios[~seen]).all()
    assert found.alarmed().tolist() == [r.anomaly for r in results]


def test_the_curve_at_the_own_threshold_has_the_alarms_of_the_flow(
    flow_spec: FlowSpec, model: Model, series: Series
) -> None:
    found = measure(flow_watch(flow_spec, model)(series), Truth(series, HEALTHY))
    (own,) = [point for point in found.curve if point.factor == 1.0]
    assert (own.first_alarm, own.alarms_in_healthy) == (found.first_alarm, found.alarms_in_healthy)
    assert found.lead is not None
    assert found.lead.first_alarm == found.first_alarm
    assert found.labelled is None


def test_each_part_of_a_flow_is_a_detector_of_its_own(
    flow_spec: FlowSpec, model: Model, series: Series
) -> None:
    found = measure_all(part_watches(flow_spec, model), Truth(series, HEALTHY))
    assert set(found) == {"network", "level"}
    for name, verdicts in found.items():
        assert {alarm.detector for alarm in verdicts.alarms} == {name}


def test_bare_scores_become_alarms_by_the_rule() -> None:
    ratios = np.array([0.5, 2.0, 3.0, np.nan, 2.0, 0.5, 0.5, 0.5, 4.0, 4.0])
    found = outcome_of_ratios(ratios, AlarmSpec(k=2, n=2, close_after=2), "level")
    first, second = found.alarms
    assert (first.opened, first.closed, first.severity, first.detector) == (2, 6, 3.0, "level")
    assert (second.opened, second.closed, second.severity) == (9, None, 4.0)
    np.testing.assert_array_equal(np.flatnonzero(found.alarmed()), [2, 3, 4, 5, 9])


def test_labels_bring_their_figures_instead_of_a_lead(make_series: Any) -> None:
    series = make_series(np.zeros((2000, 1)), ("value",))
    labels = np.zeros(2000, dtype=np.bool_)
    labels[1000:1100] = labels[1500:1600] = True
    ratios = np.random.default_rng(3).random(2000)
    ratios[1010:1030] = 1.5
    outcome = outcome_of_ratios(ratios, AlarmSpec())
    found = measure(outcome, Truth(series, (0, 500), labels, buffer=20))
    assert found.lead is None
    assert found.alarms_in_healthy == 0
    assert found.labelled is not None
    assert found.labelled.vus_pr == volume_under_surface(labels, ratios, 20).pr
    assert (found.labelled.event.found, found.labelled.event.missed) == (1, 1)
    assert found.labelled.event.f1 == pytest.approx(2 / 3)
    assert found.labelled.oracle_gap == found.labelled.best_event_f1 - found.labelled.event.f1
    assert found.labelled.best_point_f1 >= found.labelled.point_f1 > 0.0
    # one window found after 10 of 100 rows, the other missed
    assert found.labelled.nab == found.labelled.nab_rows
    assert found.labelled.nab == pytest.approx(49.9, abs=0.5)


def test_a_label_in_the_probation_leaves_no_nab_score(make_series: Any) -> None:
    series = make_series(np.zeros((1000, 1)), ("value",))
    labels = np.zeros(1000, dtype=np.bool_)
    labels[149:160] = True
    outcome = outcome_of_ratios(labels * 2.0, AlarmSpec())
    found = measure(outcome, Truth(series, labels=labels)).labelled
    assert found is not None
    assert (found.nab, found.nab_rows, found.best_nab_rows) == (None, None, None)
    assert found.vus_pr == pytest.approx(1.0)


def test_false_alarms_are_counted_where_the_healthy_part_is(make_series: Any) -> None:
    quiet, other = (make_series(np.zeros((n, 1)), ("value",), period_s=864.0) for n in (100, 60))

    def watch(series: Series) -> Outcome:
        ratios = np.zeros(len(series.vectors))
        ratios[20 if series is quiet else 30] = 2.0
        return outcome_of_ratios(ratios, AlarmSpec())

    (found,) = measure_all({"it": watch}, Truth(other), Truth(quiet, (0, 50))).values()
    assert (found.first_alarm, found.alarms_in_healthy) == (30, 1)
    assert found.alarms_per_healthy_day == pytest.approx(2.0, rel=0.03)
    assert measure(watch(other), Truth(other)).alarms_in_healthy is None


def test_lots_are_drawn_alike_each_time(make_series: Any) -> None:
    series = make_series(np.zeros((5000, 1)), ("value",))
    one, same, other = (random_watch(seed)(series).ratios for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.mean(one > 1.0) == pytest.approx(0.01, abs=0.005)


def test_labels_of_another_length_are_refused(make_series: Any) -> None:
    series = make_series(np.zeros((10, 1)), ("value",))
    labels = np.arange(9) > 4
    with pytest.raises(MetricError, match="9 labels for 10 scores"):
        measure(outcome_of_ratios(np.ones(10), AlarmSpec()), Truth(series, labels=labels))
