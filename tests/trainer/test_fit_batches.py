from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.fit import FitError, FitSpec
from trainer.fit.batches import Plan, plan_fit
from trainer.networks import NetworkSpec

STREAMING = NetworkSpec(family="forecaster", form="streaming", units=(8,))
WINDOW = NetworkSpec(family="forecaster", form="window", units=(8,), window_length=5)


def _counted(plan: Plan) -> list[int]:
    """Target rows that count, over one epoch."""
    rows: list[int] = []
    for batch in plan.batches(None):
        rows += batch.target_rows[batch.weights > 0].tolist()
    return sorted(rows)


@pytest.mark.parametrize("stateful", [False, True])
@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=5),
    batch_size=st.integers(1, 9),
    sequence_length=st.integers(2, 30),
    data=st.data(),
)
def test_each_step_behind_the_washout_counts_once_and_none_crosses_a_gap(
    *, stateful: bool, lengths: list[int], batch_size: int, sequence_length: int, data: Any
) -> None:
    washout = data.draw(st.integers(0, sequence_length - 1))
    ends = np.cumsum(lengths)
    segments = [slice(int(e - n), int(e)) for e, n in zip(ends, lengths, strict=True)]
    expected = [t for s in segments for t in range(s.start + washout + 1, s.stop)]
    fit = FitSpec(
        epochs=1,
        batch_size=batch_size,
        sequence_length=sequence_length,
        washout=washout,
        stateful=stateful,
    )
    if not expected:
        with pytest.raises(FitError, match="longer healthy part"):
            plan_fit(STREAMING, fit, segments, int(ends[-1]))
        return
    plan, _ = plan_fit(STREAMING, fit, segments, int(ends[-1]))
    assert _counted(plan) == expected
    run_of = np.repeat(np.arange(len(lengths)), lengths)
    batches = plan.batches(None)
    assert {batch.rows.shape for batch in batches} == {batches[0].rows.shape}
    assert [batch.carry for batch in batches] == [
        stateful and number > 0 for number in range(len(batches))
    ]
    for batch in batches:
        counts = batch.weights > 0
        assert (batch.target_rows == batch.rows + 1).all()
        assert (run_of[batch.rows[counts]] == run_of[batch.target_rows[counts]]).all()


def test_a_stateful_stream_goes_on_where_the_chunk_before_ended() -> None:
    fit = FitSpec(epochs=1, batch_size=2, sequence_length=10, washout=4, stateful=True)
    plan, _ = plan_fit(STREAMING, fit, [slice(0, 101)], 101)
    rows = np.concatenate([batch.rows for batch in plan.batches(None)], axis=1)
    weights = np.concatenate([batch.weights for batch in plan.batches(None)], axis=1)
    for stream, counts in zip(rows, weights > 0, strict=True):
        last = int(np.flatnonzero(counts)[-1])
        assert (np.diff(stream[: last + 1]) == 1).all()
        # the second stream washes its state out with the first one's last steps
        assert not counts[:4].any()
        assert counts[4 : last + 1].all()


@pytest.mark.parametrize(("most", "streams"), [(None, 4), (100, 4), (20, 10), (1, 200)])
def test_a_long_healthy_part_is_cut_into_more_streams_instead_of_more_updates(
    most: int | None, streams: int
) -> None:
    fit = FitSpec(
        epochs=1, batch_size=4, sequence_length=10, washout=2, stateful=True, most_updates=most
    )
    plan, _ = plan_fit(STREAMING, fit, [slice(0, 2001)], 2001)
    batches = plan.batches(None)
    assert len(plan.rows) == streams
    assert len(batches) <= 2000 / 10 / streams + 2
    counted = np.concatenate([b.rows[b.weights > 0] for b in batches])
    # every step counts, but those that the very first stream is washed in with
    np.testing.assert_array_equal(np.sort(counted), np.arange(2, 2000))


def test_updates_are_limited_of_stateful_streams_only() -> None:
    with pytest.raises(ValueError, match="most_updates is 9; 1 or more, if stateful, is allowed"):
        FitSpec(epochs=1, batch_size=4, most_updates=9)


def test_windows_stay_within_their_run_and_predict_the_row_after() -> None:
    plan, _ = plan_fit(WINDOW, FitSpec(epochs=1, batch_size=4), [slice(0, 8), slice(10, 16)], 16)
    assert plan.rows.tolist() == [
        [0, 1, 2, 3, 4],
        [1, 2, 3, 4, 5],
        [2, 3, 4, 5, 6],
        [10, 11, 12, 13, 14],
    ]
    assert plan.target_rows.tolist() == [5, 6, 7, 15]


def test_an_autoencoder_gets_its_windows_as_targets() -> None:
    spec = NetworkSpec(family="autoencoder", form="window", units=(4,), window_length=3)
    plan, _ = plan_fit(spec, FitSpec(epochs=1, batch_size=4), [slice(0, 5)], 5)
    assert plan.rows.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    np.testing.assert_array_equal(plan.rows, plan.target_rows)


@pytest.mark.parametrize("network", [STREAMING, WINDOW])
def test_the_latest_part_is_held_back_for_validation(network: NetworkSpec) -> None:
    fit = FitSpec(
        epochs=1, batch_size=3, sequence_length=10, washout=3, validation_share=0.25, patience=2
    )
    training, validation = plan_fit(network, fit, [slice(0, 30), slice(30, 60)], 60)
    assert validation is not None
    assert max(_counted(training)) < min(_counted(validation))
    assert 10 <= len(_counted(validation)) <= 16


def test_batches_are_filled_up_with_what_does_not_count() -> None:
    plan, _ = plan_fit(WINDOW, FitSpec(epochs=1, batch_size=4), [slice(0, 11)], 11)
    first, second = plan.batches(np.random.default_rng(1))
    assert first.rows.shape == second.rows.shape == (4, 5)
    assert second.weights.tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epochs": 0}, "epochs is 0; 1 or more"),
        ({"learning_rate": 0.0}, "more than 0"),
        ({"patience": 3}, "without a validation_share"),
        ({"validation_share": 1.0}, "from 0 to below 1"),
        ({"sequence_length": 10, "washout": 10}, "less than the sequence_length of 10"),
        ({"gradient_clip": -1.0}, "gradient_clip is -1.0"),
        ({"optimizer": "sgd"}, "Invalid enum value 'sgd'"),
    ],
)
def test_a_fit_that_cannot_work_is_refused_with_a_reason(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert({"epochs": 1, "batch_size": 1} | change, FitSpec)


def test_a_segment_outside_the_rows_is_refused() -> None:
    with pytest.raises(FitError, match="does not lie in the 10 rows"):
        plan_fit(WINDOW, FitSpec(epochs=1, batch_size=1), [slice(5, 11)], 10)
