"""Baselines are recipes that run as on a gateway; what they alarm at is what textbooks say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.pipeline.alarm import AlarmRule, AlarmSpec
from edge_agent.recordings import RecordingOptions, open_recording
from trainer.baselines import baseline_watches
from trainer.data import input_spec, read_series
from trainer.evaluate import Verdicts
from trainer.outcome import Truth, measure_all
from trainer.recipe import load_recipe, recipes_of

HEALTHY = (0, 200)
LEVEL = ("rms-3-sigma", "rms-5-sigma", "ewma", "cusum")


def _level(*steps: tuple[int, float]) -> NDArray[np.float32]:
    """300 windows of level 1 with 1 % of noise, times the factor from each step on."""
    rng = np.random.default_rng(2)
    values = 1.0 + 0.01 * rng.standard_normal(300)
    for start, factor in steps:
        values[start:] *= factor
    return values.astype(np.float32)


def _verdicts(series: Series, healthy: tuple[int, int] = HEALTHY) -> dict[str, Verdicts]:
    return measure_all(baseline_watches(series, healthy), Truth(series, healthy))


def test_every_baseline_is_a_recipe_but_the_forest(make_series: Any) -> None:
    found = _verdicts(make_series(_level(), ("a_rms",)))
    recipes = {recipe.name for recipe in recipes_of("baseline")}
    assert recipes > set(LEVEL)
    # a week's profile needs weeks
    assert set(found) == recipes - {"weekly-profile"} | {"isolation-forest"}


@pytest.mark.parametrize("recipe", recipes_of("baseline"), ids=lambda r: r.name)
def test_a_baseline_is_judged_by_itself_without_network_and_level(recipe: Any) -> None:
    assert (recipe.network, recipe.level, recipe.quantization) == (None, None, "none")


def test_every_baseline_finds_a_step_within_a_few_windows(make_series: Any) -> None:
    found = _verdicts(make_series(_level((250, 1.1)), ("a_rms",)))
    assert found["rms-3-sigma"].first_alarm == 252
    assert found["rms-5-sigma"].first_alarm == 252
    for name in (*LEVEL, "pca", "pca-t2", "moving-z"):
        assert found[name].alarms_in_healthy == 0
        first = found[name].first_alarm
        assert first is not None
        assert 250 <= first <= 256
    assert [a.closed for a in found["ewma"].alarms] == [None]


def test_slow_sums_see_a_small_step_that_sigmas_do_not(make_series: Any) -> None:
    found = _verdicts(make_series(_level((250, 1.02)), ("a_rms",)))
    assert found["rms-5-sigma"].first_alarm is None
    assert found["cusum"].first_alarm is not None


def test_an_alarm_closes_when_the_level_comes_back(make_series: Any) -> None:
    found = _verdicts(make_series(_level((250, 1.1), (270, 1 / 1.1)), ("a_rms",)))
    (alarm,) = found["rms-5-sigma"].alarms
    assert (alarm.opened, alarm.closed) == (252, 272)
    assert alarm.severity == pytest.approx(2.0, abs=0.6)


def test_a_quieter_machine_raises_no_alarm_of_its_level(make_series: Any) -> None:
    found = _verdicts(make_series(_level((250, 0.5)), ("a_rms",)))
    assert {found[name].first_alarm for name in LEVEL} == {None}


def test_the_loudest_channel_counts(make_series: Any) -> None:
    both = np.stack((_level(), _level((250, 1.1))), axis=1)
    found = _verdicts(make_series(both, ("a_rms", "b_rms")))
    assert found["rms-5-sigma"].first_alarm == 252


def test_a_changed_relation_is_seen_by_components_and_not_by_the_level(make_series: Any) -> None:
    rng = np.random.default_rng(3)
    common = rng.standard_normal(300)
    both = np.stack((common, common), axis=1) + 0.05 * rng.standard_normal((300, 2))
    both[250:, 1] *= -1.0  # each within its range, not with the other
    found = _verdicts(make_series(10.0 + both, ("a_rms", "b_rms")))
    assert found["rms-3-sigma"].first_alarm is None
    for name in ("pca", "pca-spe"):
        assert found[name].first_alarm in range(250, 290)


def test_a_rest_in_the_healthy_part_does_not_make_them_deaf(make_series: Any) -> None:
    level = _level((250, 1.1))
    level[50:100] = 0.01
    level[120] = np.nan
    found = _verdicts(make_series(level, ("a_rms",)))
    assert found["rms-5-sigma"].first_alarm == 252
    assert found["isolation-forest"].alarms_in_healthy == 0


def test_what_never_varied_leaves_out_what_cannot_be_calibrated(make_series: Any) -> None:
    found = _verdicts(make_series(np.ones(300), ("a_rms",)))
    assert set(LEVEL) <= set(found)
    assert "persistence" not in found
    assert {v.first_alarm for v in found.values()} == {None}


def test_each_takes_of_a_recording_what_its_recipe_is_made_of(make_series: Any) -> None:
    both = np.stack((_level(), _level((250, 1.1))), axis=1)
    found = _verdicts(make_series(both, ("a_rms", "a_peak")))
    assert found["rms-5-sigma"].first_alarm is None  # the peak is not its business
    assert found["pca"].first_alarm is not None


def _textbook(level: NDArray[np.float64], part: NDArray[np.float64]) -> dict[str, int]:
    """First alarm of each chart, three windows in a row beyond its limit, by its definition."""
    z = (level - part.mean()) / part.std()
    average, total = 0.0, 0.0
    ratios: dict[str, list[float]] = {name: [] for name in LEVEL}
    for value in z:
        average += 0.2 * (value - average)
        total = min(max(total + value - 0.5, 0.0), 24.0)
        ratios["rms-3-sigma"].append(value / 3.0)
        ratios["rms-5-sigma"].append(value / 5.0)
        ratios["ewma"].append(average / (6.0 * np.sqrt(0.2 / 1.8)))
        ratios["cusum"].append(total / 12.0)
    found = {}
    for name, values in ratios.items():
        rule = AlarmRule(AlarmSpec(k=3, n=3, close_after=3))
        found[name] = next(i for i, v in enumerate(values) if rule.push(v) and i >= len(part))
    return found


def test_on_ims_bearing_1_the_gateway_alarms_where_the_textbook_does(shared_data: Path) -> None:
    path = shared_data / "ims_2nd_test" / "ims_2nd_test_features.csv"
    recording = open_recording(path, RecordingOptions(channels=("b1",)))
    recipe = load_recipe("rms-3-sigma")
    series = read_series(recording, recipe, input_spec(recording, recipe))
    found = _verdicts(series, (0, 400))
    level = series.vectors[:, 0].astype(np.float64)
    assert {name: found[name].first_alarm for name in LEVEL} == _textbook(level, level[:400])
    assert found["rms-3-sigma"].first_alarm == 534
