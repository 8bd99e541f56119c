"""The conformance check of a feature plugin."""

import warnings
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import (
    FEATURE_API_VERSION,
    CentredWindow,
    Feature,
    FeatureError,
    FeatureInput,
)
from edge_agent.testing.conformance import ConformanceError
from edge_agent.testing.declaration import check_declaration
from edge_agent.testing.signals import awkward, centred, ordinary

ACCEPTS_WINDOWS = "the feature accepts the given windows"
NAMES_OUTPUTS = "outputs is a non-empty tuple of different names"
COMPUTES = "compute raises nothing and warns of nothing"
IS_FLOAT32 = "compute returns float32"
IS_SHAPED = "compute returns the shape (channels, outputs)"
IS_FINITE = "compute returns finite numbers, whatever the window"
IS_REPEATABLE = "the same window gives the same numbers"
LEAVES_WINDOW_ALONE = "compute does not modify the window"

_SHARED = ("bias", "samples", "absolute", "squared", "mean_absolute", "mean_square", "peak")


def check_feature(
    plugin_class: type[Feature], options: dict[str, Any], given: FeatureInput
) -> None:
    """Check that a feature plugin keeps the promises of ``edge_agent.plugin.Feature``.

    Args:
        plugin_class: the entry point's target.
        options: options as a recipe or a bundle would state them.
        given: windows the feature is meant for.

    Raises:
        ConformanceError: a promise is broken; the message says which, and what was found.
    """
    configured = check_declaration(
        plugin_class, options, api_version=FEATURE_API_VERSION, members=("outputs", "compute")
    )
    feature = _construct(plugin_class, configured, given)
    names = _check_outputs(feature.outputs)
    shape = (len(given.channels), len(names))
    usual = ordinary(given)
    first = _compute(feature, "an ordinary window", usual, shape)
    for name, samples in awkward(given).items():
        _compute(feature, f"the {name} window", samples, shape)
    _check_same(first, _compute(feature, "an ordinary window", usual, shape), "a second call")
    other = _construct(plugin_class, configured, given)
    _check_same(first, _compute(other, "an ordinary window", usual, shape), "a second instance")


def _construct(
    plugin_class: type[Feature], configured: msgspec.Struct, given: FeatureInput
) -> Feature:
    try:
        return plugin_class(configured, given)
    except FeatureError as error:
        raise ConformanceError(ACCEPTS_WINDOWS, f"raised FeatureError: {error}") from error


def _check_outputs(names: object) -> tuple[str, ...]:
    right = (
        isinstance(names, tuple)
        and len(names) > 0
        and all(isinstance(name, str) and name for name in names)
        and len(set(names)) == len(names)
    )
    if not right or not isinstance(names, tuple):
        raise ConformanceError(NAMES_OUTPUTS, f"found {names!r}")
    return names


def _compute(
    feature: Feature, what: str, samples: NDArray[np.float32], shape: tuple[int, int]
) -> NDArray[np.float32]:
    window = centred(samples)
    untouched = centred(samples)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values: object = feature.compute(window)
    except Exception as error:
        # The kit exists to name whatever a plugin raises.
        raise ConformanceError(
            COMPUTES, f"{what} raised {type(error).__name__}: {error}"
        ) from error
    _check_unchanged(window, untouched, what)
    if not isinstance(values, np.ndarray) or values.dtype != np.float32:
        raise ConformanceError(IS_FLOAT32, f"found {getattr(values, 'dtype', type(values))}")
    if values.shape != shape:
        raise ConformanceError(IS_SHAPED, f"found {values.shape}, want {shape}")
    if not np.isfinite(values).all():
        raise ConformanceError(IS_FINITE, f"{what} gave {values.tolist()}")
    return values.copy()


def _check_unchanged(window: CentredWindow, untouched: CentredWindow, what: str) -> None:
    for name in _SHARED:
        if not np.array_equal(getattr(window, name), getattr(untouched, name)):
            raise ConformanceError(LEAVES_WINDOW_ALONE, f"{name} of {what} changed")


def _check_same(one: NDArray[np.float32], other: NDArray[np.float32], when: str) -> None:
    if not np.array_equal(one, other):
        raise ConformanceError(IS_REPEATABLE, f"{when} gave {other.tolist()}, not {one.tolist()}")
