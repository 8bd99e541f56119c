"""Every promise of the feature protocol is broken once by a plugin, and the kit names it."""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.plugin import (
    FEATURE_API_VERSION,
    CentredWindow,
    Feature,
    FeatureError,
    FeatureInput,
)
from edge_agent.testing import ConformanceError, check_feature, declaration
from edge_agent.testing import feature as feature_check

GIVEN = FeatureInput(256, 1000.0, "g", ("x", "y", "z"))


class Options(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Faultless:
    """The peak, and the parent of all that are broken in one way."""

    api_version: ClassVar[int] = FEATURE_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = Options

    def __init__(self, options: msgspec.Struct, given: FeatureInput) -> None:
        self.calls = 0

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("peak",)

    def compute(self, window: CentredWindow) -> NDArray[np.float32]:
        return window.peak[:, None]


def broken(**members: object) -> type[Feature]:
    return type("Broken", (Faultless,), members)


def computing(function: Callable[[CentredWindow], Any]) -> type[Feature]:
    return broken(compute=lambda self, window: function(window))


def promise_broken_by(plugin: type[Feature]) -> str:
    with pytest.raises(ConformanceError) as caught:
        check_feature(plugin, {}, GIVEN)
    return caught.value.promise


def test_a_faultless_feature_passes() -> None:
    check_feature(Faultless, {}, GIVEN)


@pytest.mark.parametrize(
    ("members", "promise"),
    [
        ({"api_version": 99}, declaration.MATCHES_API),
        ({"version": None}, declaration.HAS_VERSION),
        ({"options": None}, declaration.HAS_OPTIONS),
        ({"outputs": ()}, feature_check.NAMES_OUTPUTS),
        ({"outputs": ["peak"]}, feature_check.NAMES_OUTPUTS),
        ({"outputs": ("peak", "peak")}, feature_check.NAMES_OUTPUTS),
    ],
)
def test_the_declaration_is_checked(members: dict[str, Any], promise: str) -> None:
    assert promise_broken_by(broken(**members)) == promise


def test_windows_that_do_not_suit_are_named() -> None:
    def construct(self: Faultless, options: msgspec.Struct, given: FeatureInput) -> None:
        raise FeatureError("needs a second")

    with pytest.raises(ConformanceError, match="needs a second") as caught:
        check_feature(broken(__init__=construct), {}, GIVEN)
    assert caught.value.promise == feature_check.ACCEPTS_WINDOWS


def negated(window: CentredWindow) -> NDArray[np.float32]:
    window.samples *= -1
    return window.peak[:, None]


def halved(window: CentredWindow) -> NDArray[np.float32]:
    shared = window.squared
    shared /= 2
    return window.peak[:, None]


def crest(window: CentredWindow) -> NDArray[np.float32]:
    factor: NDArray[np.float32] = window.peak / np.sqrt(window.mean_square)
    return factor[:, None]


def quiet_crest(window: CentredWindow) -> NDArray[np.float32]:
    with np.errstate(all="ignore"):
        return crest(window)


def overflowing(window: CentredWindow) -> NDArray[np.float32]:
    with np.errstate(all="ignore"):
        return np.exp(window.peak)[:, None]


@pytest.mark.parametrize(
    ("function", "promise"),
    [
        (lambda w: 1 / 0, feature_check.COMPUTES),
        (lambda w: w.peak.tolist(), feature_check.IS_FLOAT32),
        (lambda w: w.peak[:, None].astype(np.float64), feature_check.IS_FLOAT32),
        (lambda w: w.peak, feature_check.IS_SHAPED),
        (lambda w: w.peak[None, :], feature_check.IS_SHAPED),
        (lambda w: np.full((3, 1), np.nan, np.float32), feature_check.IS_FINITE),
        (crest, feature_check.COMPUTES),
        (quiet_crest, feature_check.IS_FINITE),
        (overflowing, feature_check.IS_FINITE),
        (negated, feature_check.LEAVES_WINDOW_ALONE),
        (halved, feature_check.LEAVES_WINDOW_ALONE),
    ],
)
def test_a_computation_that_breaks_a_promise_is_caught(
    function: Callable[[CentredWindow], Any], promise: str
) -> None:
    assert promise_broken_by(computing(function)) == promise


def test_a_feature_that_remembers_is_caught() -> None:
    def compute(self: Faultless, window: CentredWindow) -> NDArray[np.float32]:
        self.calls += 1
        return window.peak[:, None] + np.float32(self.calls)

    assert promise_broken_by(broken(compute=compute)) == feature_check.IS_REPEATABLE


def test_instances_that_disagree_are_caught() -> None:
    made: list[int] = []

    def construct(self: Faultless, options: msgspec.Struct, given: FeatureInput) -> None:
        made.append(1)
        self.calls = len(made)

    def compute(self: Faultless, window: CentredWindow) -> NDArray[np.float32]:
        return window.peak[:, None] * np.float32(self.calls)

    assert (
        promise_broken_by(broken(__init__=construct, compute=compute))
        == feature_check.IS_REPEATABLE
    )
