from dataclasses import replace
from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import Bundle, Golden, make_golden
from edge_agent.bundle.golden import GoldenError, check_golden, decode_golden
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.season import Mode, SeasonSpec
from edge_agent.pipeline.spec import FlowSpec

T = TypeVar("T", bound=np.floating[Any])


@pytest.fixture(scope="module")
def golden(samples_bundle: bytes) -> Golden:
    return Bundle.decode(samples_bundle).golden


def changed(array: NDArray[T], at: int | tuple[int, ...], by: float) -> NDArray[T]:
    copy = array.copy()
    copy[at] += by
    return copy


def test_the_right_numbers_pass(flow_spec: FlowSpec, model: Model, golden: Golden) -> None:
    check_golden(Flow(flow_spec, model), golden)


def test_golden_vectors_survive(golden: Golden) -> None:
    again = decode_golden(golden.encode())

    assert again.encode() == golden.encode()
    for name in Golden.__slots__:
        np.testing.assert_array_equal(getattr(again, name), getattr(golden, name))


def test_differences_of_rounding_pass(flow_spec: FlowSpec, model: Model, golden: Golden) -> None:
    close = replace(golden, scores=golden.scores * (1 + 1e-5))

    check_golden(Flow(flow_spec, model), close)


def test_a_changed_score_is_named(flow_spec: FlowSpec, model: Model, golden: Golden) -> None:
    wrong = replace(golden, scores=changed(golden.scores, 20, 0.01))

    with pytest.raises(GoldenError, match=r"golden window 20: score is .*, expected"):
        check_golden(Flow(flow_spec, model), wrong)


def test_a_score_where_none_should_be_is_named(
    flow_spec: FlowSpec, model: Model, golden: Golden
) -> None:
    silent = golden.scores.copy()
    silent[20] = np.nan
    talking = golden.scores.copy()
    talking[3] = 1.0

    with pytest.raises(GoldenError, match=r"golden window 20: score is .*, expected nan"):
        check_golden(Flow(flow_spec, model), replace(golden, scores=silent))
    with pytest.raises(GoldenError, match="golden window 3: score is nan, expected 1"):
        check_golden(Flow(flow_spec, model), replace(golden, scores=talking))


def test_a_changed_level_score_is_named(flow_spec: FlowSpec, model: Model, golden: Golden) -> None:
    wrong = replace(golden, level_scores=changed(golden.level_scores, 7, 0.01))

    with pytest.raises(GoldenError, match="golden window 7: level score"):
        check_golden(Flow(flow_spec, model), wrong)


def test_a_changed_feature_is_named(flow_spec: FlowSpec, model: Model, golden: Golden) -> None:
    wrong = replace(golden, vectors=changed(golden.vectors, (15, 2), 0.01))

    with pytest.raises(GoldenError, match="golden window 15: feature x_peak is"):
        check_golden(Flow(flow_spec, model), wrong)


@pytest.mark.parametrize("feature", range(11))
def test_the_smallest_feature_is_compared_as_closely_as_the_largest(
    flow_spec: FlowSpec, model: Model, golden: Golden, feature: int
) -> None:
    size = float(np.median(np.abs(golden.vectors[:30, feature])))
    wrong = replace(golden, vectors=changed(golden.vectors, (15, feature), 0.01 * size))

    with pytest.raises(GoldenError, match="golden window 15: feature x_"):
        check_golden(Flow(flow_spec, model), wrong)


def test_rounding_of_a_number_that_happens_to_be_near_zero_is_no_difference(
    flow_spec: FlowSpec, model: Model, golden: Golden
) -> None:
    tiny = int(np.argmin(np.abs(golden.level_scores)))
    close = replace(
        golden,
        vectors=changed(golden.vectors, (15, 1), 1e-6),  # the kurtosis: m4 / m2^2 - 3
        level_scores=changed(golden.level_scores, tiny, 1e-4),
    )

    check_golden(Flow(flow_spec, model), close)


def test_a_changed_sample_is_noticed_by_its_features(
    flow_spec: FlowSpec, model: Model, golden: Golden
) -> None:
    wrong = replace(golden, samples=changed(golden.samples, (1, 30, 0), 1.0))

    with pytest.raises(GoldenError, match=r"golden window 15: feature x_\w+ is"):
        check_golden(Flow(flow_spec, model), wrong)


def test_a_feature_that_is_no_number_is_not_taken_for_equal(
    flow_spec: FlowSpec, model: Model, golden: Golden
) -> None:
    wrong = replace(golden, vectors=changed(golden.vectors, (15, 2), np.nan))

    with pytest.raises(GoldenError, match="golden window 15: feature x_peak is"):
        check_golden(Flow(flow_spec, model), wrong)


def test_a_changed_alarm_is_named(flow_spec: FlowSpec, model: Model, golden: Golden) -> None:
    wrong = golden.anomaly.copy()
    wrong[5] = True

    with pytest.raises(GoldenError, match="golden window 5: alarm is closed"):
        check_golden(Flow(flow_spec, model), replace(golden, anomaly=wrong))


def test_another_model_is_noticed_by_its_scores(
    flow_spec: FlowSpec, model_bytes: bytes, golden: Golden
) -> None:
    weights = np.frombuffer(model_bytes, np.uint8).copy()
    rows = np.flatnonzero((weights[3:-1] & 0x7F) == 0x3E) + 3  # top bytes of floats around 0.2
    weights[rows[len(rows) // 2]] ^= 0x80  # turn the sign of one of them
    other = Model(weights.tobytes(), flow_spec.model, 11)

    with pytest.raises(GoldenError, match=r"golden window 1\d: score is"):
        check_golden(Flow(flow_spec, other), golden)


def test_other_parameters_are_noticed(flow_spec: FlowSpec, model: Model, golden: Golden) -> None:
    other = msgspec.structs.replace(
        flow_spec, smoothing=msgspec.structs.replace(flow_spec.smoothing, alpha=0.4)
    )

    with pytest.raises(GoldenError, match="score is"):
        check_golden(Flow(other, model), golden)


def test_golden_vectors_must_show_quiet_and_alarm(
    flow_spec: FlowSpec, model: Model, golden: Golden
) -> None:
    for anomaly in (np.zeros_like(golden.anomaly), np.ones_like(golden.anomaly)):
        with pytest.raises(GoldenError, match="no alarm or no quiet"):
            check_golden(Flow(flow_spec, model), replace(golden, anomaly=anomaly))


def test_golden_vectors_of_samples_must_hold_raw_windows(
    flow_spec: FlowSpec, model: Model, golden: Golden
) -> None:
    none = replace(golden, samples=golden.samples[:0], at=golden.at[:0])

    with pytest.raises(GoldenError, match="no raw window"):
        check_golden(Flow(flow_spec, model), none)


def test_windows_of_another_size_are_refused(
    flow_spec: FlowSpec, model: Model, golden: Golden
) -> None:
    for wrong in (
        replace(golden, vectors=golden.vectors[:, :5]),
        replace(golden, samples=golden.samples[:, :100]),
    ):
        with pytest.raises(GoldenError, match="another size"):
            check_golden(Flow(flow_spec, model), wrong)


def test_arrays_that_do_not_fit_together_are_refused(golden: Golden) -> None:
    for wrong in (
        replace(golden, scores=golden.scores[1:]),
        replace(golden, anomaly=golden.anomaly[1:]),
        replace(golden, at=golden.at + 38),
        replace(golden, at=golden.at - 1),
        replace(golden, at=golden.at[1:]),
        replace(golden, at=golden.at[[0, 0, 1]]),
        replace(golden, vectors=golden.vectors[0]),
        replace(golden, samples=golden.samples[0]),
    ):
        with pytest.raises(GoldenError, match="do not fit together"):
            decode_golden(wrong.encode())


def test_damage_is_refused(golden: Golden) -> None:
    content = golden.encode()
    for length in range(0, len(content), 100):
        with pytest.raises(GoldenError, match=r"golden\.npz: "):
            decode_golden(content[:length])


def test_a_season_is_replayed_at_the_times_it_was_recorded_at(
    features_flow_spec: FlowSpec,
    model: Model,
    history: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """What is usual at noon is an alarm at midnight: the gateway must not replay it at another."""
    by_day = tuple(1.0 + 2.0 * (6 <= hour < 18) for hour in range(24))
    mode: Mode = "ratio"
    spec = msgspec.structs.replace(
        features_flow_spec,
        season=SeasonSpec(period="day", bin_s=3600, features=(0,), mode=(mode,), profile=(by_day,)),
    )
    hour_ns = 3600 * 10**9
    start_ns = hour_ns * np.arange(7, 7 + len(history[1]))
    vectors = history[1].copy()
    vectors[:, 0] *= np.array(by_day)[np.arange(7, 7 + len(vectors)) % 24]
    golden = make_golden(Flow(spec, model), vectors, start_ns, [])
    assert not golden.anomaly[:30].any()

    check_golden(Flow(spec, model), golden)
    with pytest.raises(GoldenError, match="score is"):
        check_golden(Flow(spec, model), replace(golden, start_ns=start_ns + 12 * hour_ns))
