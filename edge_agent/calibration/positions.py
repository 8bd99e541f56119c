"""Which numbers of a vector belong to which channel: a general network takes one channel's."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from edge_agent.calibration.kinds import split_name
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.block import table_input

NEUTRAL = "ch"  # stands for any channel in the names of a general network's features


def position_columns(series: Series) -> dict[str, dict[str, int]]:
    """Return the index in the vector of each feature of each channel.

    Columns of a feature table whose name tells no feature, such as ``time_h``, belong to none, nor
    does the context.
    """
    found: dict[str, dict[str, int]] = {}
    for i, name in enumerate(series.watched_names):
        channel, feature = _split(series, name)
        if feature:
            found.setdefault(channel, {})[feature] = i
    return found


def common_features(
    every: Sequence[Series],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the features that all channels of all ``every`` have, and those that only some have.

    Raises:
        DataError: there is none that all have.
    """
    sets = [tuple(columns) for series in every for columns in position_columns(series).values()]
    missing = [series for series in every if not position_columns(series)]
    common = tuple(f for f in (sets[0] if sets else ()) if all(f in other for other in sets))
    if missing or not common:
        found = "; ".join(", ".join(series.names[:8]) for series in (missing or every))
        raise DataError(
            f"features in common are none, found: {found}; allowed: at least one that every"
            " channel of every asset has, in columns named CHANNEL_FEATURE"
        )
    return common, tuple(dict.fromkeys(f for s in sets for f in s if f not in common))


def neutral_series(series: Series, channel: str, features: Sequence[str]) -> Series:
    """Return one channel's ``features`` under neutral names, as a series of its own.

    Raises:
        DataError: the channel lacks one of them.
    """
    columns = [_column(series, channel, feature) for feature in features]
    names = tuple(f"{NEUTRAL}_{feature}" for feature in features)
    given = table_input(names, series.input.window_period_s)
    vectors = series.vectors[:, columns]
    return replace(series, input=given, features=(), names=names, vectors=vectors)


def asset_series(series: Series, features: Sequence[str]) -> Series:
    """Return the ``features`` of every channel, channel after channel, and behind them the context.

    Raises:
        DataError: a channel lacks one of them, or vectors computed from samples hold others.
    """
    channels, context = tuple(position_columns(series)) or series.names, series.input.context
    names = (*(f"{channel}_{feature}" for channel in channels for feature in features), *context)
    if series.input.kind == "samples":
        if names != series.names:
            raise DataError(f"features are {list(series.names)}, allowed: {list(names)}")
        return series
    columns = [_column(series, channel, f) for channel in channels for f in features]
    columns += [series.names.index(name) for name in context]
    names = tuple(series.names[i] for i in columns)
    given = msgspec.structs.replace(series.input, channels=names)
    return replace(series, input=given, names=names, vectors=series.vectors[:, columns])


def _split(series: Series, name: str) -> tuple[str, str]:
    if series.input.kind == "samples":
        for channel in sorted(series.input.channels, key=len, reverse=True):
            if name.startswith(f"{channel}_"):
                return channel, name.removeprefix(f"{channel}_")
    return split_name(name)


def _column(series: Series, channel: str, feature: str) -> int:
    own = position_columns(series).get(channel, {})
    if feature not in own:
        found = ", ".join(own) or "none"
        raise DataError(f"channel {channel} has no {feature}; its features are: {found}")
    return own[feature]
