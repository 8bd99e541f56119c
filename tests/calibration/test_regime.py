"""Regimes are learned from the healthy part, and a fault stands out whatever the speed."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.choices import RegimeChoice
from edge_agent.calibration.prepare import prepare
from edge_agent.calibration.regime import divide, find_regimes
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import ModelSpec, PlainModel
from edge_agent.pipeline.regime import Regimes
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.state import FlowState
from trainer.evaluate import judge, run
from trainer.recipe import load_recipe

DEFAULT = load_recipe("default")
CHOICE = RegimeChoice()
NAMES = ("x_rms", "x_kurtosis", "x_peak", "speed")
Vectors = NDArray[np.float32]


def _drive(speeds: Any, seed: int = 3) -> Vectors:
    """A drive whose level goes with the square of its speed and whose peaks get sharper."""
    rng, speed = np.random.default_rng(seed), np.asarray(speeds, dtype=np.float64)
    n = len(speed)
    rms = 0.001 * speed**2 * np.exp(0.03 * rng.standard_normal(n))
    kurtosis = 0.02 * speed + 0.05 * rng.standard_normal(n)
    peak = (3.0 + 0.05 * speed) * rms * np.exp(0.05 * rng.standard_normal(n))
    measured = speed * (1.0 + 0.003 * rng.standard_normal(n))
    vectors: Vectors = np.stack((rms, kurtosis, peak, measured), axis=1).astype(np.float32)
    return vectors


def _three_speeds(n: int) -> NDArray[np.float64]:
    return np.repeat(np.random.default_rng(4).choice([10.0, 20.0, 30.0], -(-n // 10)), 10)[:n]


def _found(vectors: Vectors) -> Any:
    found = find_regimes(CHOICE, ("speed",), NAMES, vectors)
    assert found is not None
    return found


# --- which regimes


def test_speeds_with_nothing_between_are_regimes_of_their_own() -> None:
    found = _found(_drive(_three_speeds(300)))
    centers = [regime.center[0] for regime in found.spec.regimes]
    np.testing.assert_allclose(centers, (10.0, 20.0, 30.0), rtol=0.01)
    assert sum(regime.windows for regime in found.spec.regimes) == 300
    assert found.kept.all()


def test_a_speed_that_varies_all_the_way_is_divided_into_ranges_that_touch() -> None:
    speeds = np.random.default_rng(1).uniform(10.0, 40.0, 400)
    found = _found(_drive(speeds))
    regimes = found.spec.regimes
    assert 5 <= len(regimes) <= CHOICE.most
    assert all(regime.windows >= CHOICE.least_windows for regime in regimes)
    stage = Regimes(found.spec, NAMES)
    assert all(stage.find(v) is not None for v in _drive(np.linspace(10.0, 40.0, 100), seed=8))
    assert stage.find(_drive([50.0])[0]) is None


def test_a_machine_at_one_speed_has_one_regime_that_forgives_a_little() -> None:
    found = _found(_drive(np.full(60, 25.0)))
    assert len(found.spec.regimes) == 1
    stage = Regimes(found.spec, NAMES)
    assert stage.find(_drive([25.2])[0]) == 0
    assert stage.find(_drive([27.0])[0]) is None


def test_what_was_seen_too_rarely_stays_unseen() -> None:
    speeds = np.concatenate((np.full(80, 10.0), np.full(8, 30.0), np.full(40, 10.0)))
    found = _found(_drive(speeds))
    assert found.kept.tolist() == (speeds == 10.0).tolist()
    assert Regimes(found.spec, NAMES).find(_drive([30.0])[0]) is None


def test_no_regime_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="context speed: no regime among 15 healthy windows"):
        _found(_drive(np.linspace(5.0, 50.0, 15)))


def test_speed_and_load_are_divided_together() -> None:
    rng = np.random.default_rng(2)
    u = np.concatenate([rng.normal(at, 0.01, (40, 2)) for at in ((0, 0), (0, 1), (1, 1))])
    assert [len(rows) for rows in divide(CHOICE, u)] == [40, 40, 40]


def test_without_context_there_are_no_regimes() -> None:
    assert find_regimes(CHOICE, (), NAMES, _drive(np.full(30, 10.0))) is None


# --- what is left


@pytest.mark.parametrize("varying", [False, True])
def test_nothing_of_the_speed_is_left(varying: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(6)
    speeds = rng.uniform(10.0, 40.0, 600) if varying else _three_speeds(600)
    vectors = _drive(speeds)
    left = _found(vectors).left
    before = np.std(np.log(vectors[:, 0]))
    assert before > 0.5
    assert np.std(np.log(left[:, 0])) < 0.045  # 0.03 is chance
    for column in (0, 2):
        assert abs(np.corrcoef(np.log(left[:, column]), speeds)[0, 1]) < 0.1
    assert left.shape == (600, 3)


def test_what_is_left_spreads_as_on_windows_not_fitted() -> None:
    """Otherwise scaler and threshold would be too narrow for what is to come."""
    speeds = np.random.default_rng(6).uniform(10.0, 40.0, 240)
    found = _found(_drive(speeds))
    stage = Regimes(found.spec, NAMES)
    new = _drive(np.random.default_rng(7).uniform(11.0, 39.0, 2000), seed=9)
    fresh = np.array([stage.remove(v, stage.find(v) or 0) for v in new])
    spread = [np.std(np.log(rows[:, 0])) for rows in (found.left, fresh)]
    assert spread[0] == pytest.approx(spread[1], rel=0.12)


# --- the whole flow


def _series(make_series: Any, vectors: Vectors) -> Series:
    made: Series = make_series(vectors, NAMES)
    return dataclasses.replace(made, input=msgspec.structs.replace(made.input, context=("speed",)))


def _plain(targets: tuple[int, ...]) -> PlainModel:
    return PlainModel(
        ModelSpec(
            family="none",
            form="streaming",
            quantization="none",
            window_length=1,
            state_size=0,
            targets=targets,
            washout=0,
        )
    )


def _calibrated(series: Series, healthy: int) -> tuple[FlowSpec, PlainModel]:
    ready = prepare(DEFAULT, series, (0, healthy))
    model = _plain(ready.targets)
    return calibrate(DEFAULT, series, ready, model), model


def test_the_context_is_no_target_and_does_not_gate(make_series: Any) -> None:
    spec, _ = _calibrated(_series(make_series, _drive(_three_speeds(200))), 200)
    assert spec.regime is not None
    assert spec.watched_names == NAMES[:3]
    assert spec.model.targets == (0, 1, 2)
    assert spec.gate is not None
    assert spec.gate.features == (3,)
    assert spec.gate.idle_levels[0] == pytest.approx(1.0, rel=0.6)


def test_context_that_nothing_takes_off_is_refused(make_series: Any) -> None:
    spec, _ = _calibrated(_series(make_series, _drive(_three_speeds(200))), 200)
    with pytest.raises(ValueError, match=r"input\.context is \['speed'\], allowed: the last of"):
        msgspec.structs.replace(spec, regime=None)
    with pytest.raises(ValueError, match=r"input\.context is \[\], allowed"):
        msgspec.structs.replace(spec, input=msgspec.structs.replace(spec.input, context=()))


def test_changes_of_speed_raise_no_alarm_and_a_small_rise_does(make_series: Any) -> None:
    vectors = _drive(_three_speeds(400))
    vectors[340:, [0, 2]] *= 1.3  # from one speed to the next it is a factor of two to nine
    series = _series(make_series, vectors)
    spec, model = _calibrated(series, 200)
    found = judge(run(spec, model, series), series, (0, 200))
    assert [340 <= alarm.opened < 350 for alarm in found.alarms] == [True]


def test_a_speed_never_seen_is_said_to_be_so_and_raises_nothing(make_series: Any) -> None:
    vectors = np.concatenate((_drive(_three_speeds(220)), _drive(np.full(30, 45.0), seed=5)))
    series = _series(make_series, np.concatenate((vectors, _drive(_three_speeds(30), seed=6))))
    spec, model = _calibrated(series, 200)
    results = run(spec, model, series)
    assert {r.reason for r in results[220:250]} == {"regime"}
    assert all(r.score is r.level_score is None for r in results[220:250])
    assert (results[230].detail or "").startswith("speed is 4")
    assert results[250].score is not None
    assert not any(r.anomaly for r in results)


def test_standing_still_is_idle_and_not_a_regime(make_series: Any) -> None:
    vectors = _drive(_three_speeds(240))
    vectors[100:110] = vectors[220:225].mean(axis=0) * 0.001
    spec, model = _calibrated(_series(make_series, vectors), 200)
    results = run(spec, model, _series(make_series, vectors))
    assert {r.reason for r in results[100:110]} == {"idle"}


def test_a_flow_with_regimes_goes_on_bit_for_bit_from_saved_state(make_series: Any) -> None:
    vectors = np.concatenate((_drive(_three_speeds(220)), _drive(np.full(5, 60.0))))
    spec, model = _calibrated(_series(make_series, vectors), 200)
    flows = [Flow(spec, model) for _ in range(2)]
    later = np.concatenate((vectors[200:], vectors[:50]))
    for i, vector in enumerate(later[:24]):
        flows[0].push_vector(vector, i, i + 1)
    saved = msgspec.msgpack.encode(flows[0].state())
    flows[1].restore(msgspec.msgpack.decode(saved, type=FlowState))
    for i, vector in enumerate(later[24:], start=24):
        first, second = (flow.push_vector(vector, i, i + 1) for flow in flows)
        assert (first.score, first.level_score) == (second.score, second.level_score)
        assert first.reason == second.reason


def test_a_warm_up_leaves_out_what_was_never_seen(make_series: Any) -> None:
    vectors = _drive(_three_speeds(220))
    spec, model = _calibrated(_series(make_series, vectors), 200)
    strange = _drive(np.full(3, 60.0))
    flows = [Flow(spec, model) for _ in range(2)]
    flows[0].warm_up(list(enumerate(vectors[:30])))
    flows[1].warm_up(list(enumerate((*vectors[:15], *strange, *vectors[15:30]))))
    first, second = (flow.push_vector(vectors[30], 40, 41) for flow in flows)
    assert first.score == second.score
