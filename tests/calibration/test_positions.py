"""Which features every channel has, and where they are."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.calibration.positions import (
    asset_series,
    common_features,
    neutral_series,
    position_columns,
)
from edge_agent.calibration.series import DataError, Series

TABLE = ("time_h", "b1_rms", "b1_kurtosis", "b2_kurtosis", "b2_rms", "b2_peak")


@pytest.fixture
def table(make_series: Any) -> Series:
    made: Series = make_series(np.arange(18.0).reshape(3, 6), TABLE)
    return made


def test_columns_are_found_by_channel_and_feature(table: Series) -> None:
    assert position_columns(table) == {
        "b1": {"rms": 1, "kurtosis": 2},
        "b2": {"kurtosis": 3, "rms": 4, "peak": 5},
    }


def test_channels_of_samples_are_told_by_their_own_names(make_series: Any, flow_spec: Any) -> None:
    made = make_series(np.zeros((2, 2)), ("x_envelope_bpfo", "x_rms"))
    assert position_columns(made) == {"x": {"rms": 1}}  # a table's column could be anything
    sampled = dataclasses.replace(made, input=flow_spec.input)
    assert position_columns(sampled) == {"x": {"envelope_bpfo": 0, "rms": 1}}


def test_features_in_common_are_those_of_every_channel_of_every_asset(
    table: Series, make_series: Any
) -> None:
    other = make_series(np.zeros((2, 3)), ("x_peak", "x_rms", "x_kurtosis"))
    assert common_features([table, other]) == (("rms", "kurtosis"), ("peak",))


@pytest.mark.parametrize("names", [("x_peak",), ("temperature",)])
def test_without_a_feature_in_common_it_is_refused(
    table: Series, make_series: Any, names: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match="allowed: at least one that every channel"):
        common_features([table, make_series(np.zeros((2, 1)), names)])


def test_one_channel_is_a_series_under_neutral_names(table: Series) -> None:
    one = neutral_series(table, "b2", ("rms", "kurtosis"))
    assert one.names == one.input.channels == ("ch_rms", "ch_kurtosis")
    np.testing.assert_array_equal(one.vectors, table.vectors[:, [4, 3]])
    with pytest.raises(DataError, match="channel b1 has no peak; its features are: rms, kurtosis"):
        neutral_series(table, "b1", ("peak",))


def test_a_table_is_put_in_the_networks_order_channel_after_channel(table: Series) -> None:
    picked = asset_series(table, ("kurtosis", "rms"))
    assert picked.names == ("b1_kurtosis", "b1_rms", "b2_kurtosis", "b2_rms")
    assert picked.input.channels == picked.names
    np.testing.assert_array_equal(picked.vectors, table.vectors[:, [2, 1, 3, 4]])


def test_vectors_from_samples_must_hold_the_features_and_no_others(
    table: Series, flow_spec: Any
) -> None:
    given = msgspec.structs.replace(flow_spec.input, channels=("b1", "b2"))
    sampled = dataclasses.replace(
        table,
        input=given,
        names=("b1_rms", "b1_peak", "b2_rms", "b2_peak"),
        vectors=np.zeros((3, 4), np.float32),
    )
    assert asset_series(sampled, ("rms", "peak")) is sampled
    with pytest.raises(DataError, match="features are"):
        asset_series(sampled, ("peak", "rms"))


def test_context_goes_behind_the_features_and_belongs_to_no_channel(table: Series) -> None:
    given = msgspec.structs.replace(
        table.input, channels=(*TABLE[1:], "speed_hz"), context=("speed_hz",)
    )
    names = (*TABLE[1:], "speed_hz")
    speedy = dataclasses.replace(table, input=given, names=names)
    assert set(position_columns(speedy)) == {"b1", "b2"}
    own = asset_series(speedy, ("rms", "kurtosis"))
    assert own.names == ("b1_rms", "b1_kurtosis", "b2_rms", "b2_kurtosis", "speed_hz")
    assert own.watched_names == own.names[:4]
    np.testing.assert_array_equal(own.vectors[:, -1], table.vectors[:, 5])
