"""A general network becomes one asset's own from its first healthy windows."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import general_part
from edge_agent.calibration.commission import General, commission
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.state import FlowState
from trainer.evaluate import judge, run


@pytest.fixture(scope="module")
def general(general_bundle: bytes) -> General:
    return general_part(Bundle.decode(general_bundle))


@pytest.fixture(scope="module")
def asset(make_series: Any, history: Any, general: General) -> Series:
    """160 windows of two channels, the second ten times as loud; the last 20 three times up."""
    rng = np.random.default_rng(11)
    vectors = np.tile(history[1][:30], (6, 1))[:160]
    channels = [vectors * np.exp(0.05 * rng.standard_normal(vectors.shape)) for _ in range(2)]
    names = [f"{channel}_{f}" for channel in ("de", "nde") for f in general.features]
    both = np.concatenate((channels[0], channels[1] * _louder(general.features, 10.0)), axis=1)
    both[140:] *= np.tile(_louder(general.features, 3.0), 2)
    made: Series = make_series(both, tuple(names))
    return made


def _louder(features: tuple[str, ...], factor: float) -> NDArray[np.float64]:
    """What a factor of the amplitude does to each feature."""
    powers = [0.0 if f == "kurtosis" else 2.0 if f.startswith("band") else 1.0 for f in features]
    result: NDArray[np.float64] = factor ** np.array(powers)
    return result


def test_every_number_is_the_assets_own(general: General, asset: Series) -> None:
    found = commission(general, asset, (0, 100))
    flow = found.flow
    assert flow.feature_names == flow.input.channels == asset.names
    assert flow.model.positions == 2
    assert len(flow.scaler.offset) == len(flow.scorer.mean) == 22
    assert [flow.feature_names[i] for i in flow.model.targets] == list(asset.names)
    rms = [i for i, name in enumerate(asset.names) if name.endswith("_rms")]
    assert flow.level is not None
    assert flow.level.features == tuple(rms)
    offsets = np.array(flow.scaler.offset)[rms]
    assert offsets[1] - offsets[0] == pytest.approx(np.log(10.0), abs=0.05)


def test_an_asset_never_seen_is_watched_from_its_first_windows(
    general: General, asset: Series
) -> None:
    found = commission(general, asset, (0, 100))
    verdict = judge(run(found.flow, found.model, found.series), found.series, (0, 100))
    assert verdict.alarms_in_healthy == 0
    assert verdict.first_alarm is not None
    assert 140 <= verdict.first_alarm < 150


def test_an_asset_with_a_speed_has_regimes_of_its_own(general: General, asset: Series) -> None:
    """Quieter by four at half the speed is known and no alarm; a third speed is unseen."""
    rng = np.random.default_rng(12)
    speed_hz = np.where(np.arange(160) // 10 % 2, 25.0, 50.0) * (
        1.0 + 0.002 * rng.standard_normal(160)
    )
    factors = np.where(speed_hz[:, None] < 40.0, np.tile(_louder(general.features, 0.25), 2), 1.0)
    vectors = np.column_stack((asset.vectors[:, :] * factors, speed_hz)).astype(np.float32)
    vectors[130:135, -1] = 80.0
    names = (*asset.names, "speed_hz")
    given = msgspec.structs.replace(asset.input, channels=names, context=("speed_hz",))
    drive = dataclasses.replace(asset, input=given, names=names, vectors=vectors)
    found = commission(general, drive, (0, 100))
    assert found.flow.regime is not None
    assert found.flow.model.positions == 2
    assert len(found.flow.scaler.offset) == len(asset.names)
    results = run(found.flow, found.model, found.series)
    assert {r.reason for r in results[130:135]} == {"regime"}
    verdict = judge(results, found.series, (0, 100))
    assert verdict.alarms_in_healthy == 0
    assert verdict.first_alarm is not None
    assert 140 <= verdict.first_alarm < 152


def test_a_channel_scores_the_same_alone_as_among_others(general: General, asset: Series) -> None:
    """Scaler and network know nothing of the other channel; only the scorer sees both."""
    both = commission(general, asset, (0, 100))
    width = len(general.features)
    columns = slice(0, width)
    one = Series(
        msgspec.structs.replace(asset.input, channels=asset.names[columns]),
        (),
        asset.names[columns],
        np.ascontiguousarray(asset.vectors[:, columns]),
        asset.start_ns,
        asset.end_ns,
        asset.gap,
    )
    alone = commission(general, one, (0, 100))
    assert alone.flow.scaler.offset == both.flow.scaler.offset[columns]
    np.testing.assert_array_equal(alone.ready.scaled, both.ready.scaled[:, columns])


def test_a_commissioned_flow_goes_on_bit_for_bit_from_saved_state(
    general: General, asset: Series
) -> None:
    found = commission(general, asset, (0, 100))
    flows = [Flow(found.flow, found.model) for _ in range(2)]
    for i, vector in enumerate(asset.vectors[:50]):
        flows[0].push_vector(vector, i, i + 1)
    saved = msgspec.msgpack.encode(flows[0].state())
    flows[1].restore(msgspec.msgpack.decode(saved, type=FlowState))
    for i, vector in enumerate(asset.vectors[50:], start=50):
        first, second = (flow.push_vector(vector, i, i + 1) for flow in flows)
        assert first.score is not None
        assert (first.score, first.level_score) == (second.score, second.level_score)


def test_columns_that_are_not_needed_do_no_harm(
    general: General, asset: Series, make_series: Any
) -> None:
    wide = make_series(
        np.concatenate((np.full((160, 1), np.nan), asset.vectors), axis=1),
        ("time_h", *asset.names),
    )
    assert commission(general, wide, (0, 100)).flow == commission(general, asset, (0, 100)).flow


def test_too_few_healthy_windows_are_refused(general: General, asset: Series) -> None:
    with pytest.raises(DataError, match=r"with 19 windows .* allowed: at least 20"):
        commission(general, asset, (0, 19))


def test_windows_that_are_not_finite_do_not_count(
    general: General, asset: Series, make_series: Any
) -> None:
    vectors = np.array(asset.vectors)
    vectors[10:95, 3] = np.nan
    with pytest.raises(DataError, match="with 15 windows that are neither idle nor invalid"):
        commission(general, make_series(vectors, asset.names), (0, 100))


def test_a_channel_without_the_features_is_refused(
    general: General, asset: Series, make_series: Any
) -> None:
    names = tuple(name.replace("nde_peak", "nde_skewness") for name in asset.names)
    with pytest.raises(DataError, match="channel nde has no peak; its features are: rms, kurtosis"):
        commission(general, make_series(asset.vectors, names), (0, 100))


def test_a_dead_channel_is_refused(general: General, asset: Series, make_series: Any) -> None:
    vectors = np.array(asset.vectors)
    vectors[:, 11:] = 0.0
    with pytest.raises(DataError, match=r"nde_rms, .*: not above 0 .* allowed: .* not dead"):
        commission(general, make_series(vectors, asset.names), (0, 100))
