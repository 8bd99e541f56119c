"""What speed and load explain is taken off; what was never seen is said to be so."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.pipeline.regime import Regime, Regimes, RegimeSpec

NAMES = ("x_rms", "speed", "x_skewness")
SLOW = Regime(
    center=(10.0,),
    low=(8.0,),
    high=(12.0,),
    windows=30,
    location=(np.log(0.1), 0.0),
    slope=((0.1, 0.0),),
    scale=(0.1, 0.2),
)
FAST = Regime(
    center=(30.0,),
    low=(28.0,),
    high=(32.0,),
    windows=30,
    location=(np.log(0.9), 0.4),
    slope=((0.02, 0.0),),
    scale=(0.05, 0.1),
)
SPEC = RegimeSpec(
    context=(1,),
    span=(20.0,),
    margin=0.1,
    features=(0, 2),
    logarithm=(True, False),
    location=(np.log(0.3), 0.1),
    scale=(0.1, 0.1),
    regimes=(SLOW, FAST),
)
STAGE = Regimes(SPEC, NAMES)


def _vector(rms: float, speed: float, skewness: float) -> NDArray[np.float32]:
    return np.array([rms, speed, skewness], np.float32)


@pytest.mark.parametrize(
    ("speed", "regime"),
    [
        (10.0, 0),
        (6.1, 0),
        (13.9, 0),
        (14.1, None),
        (20.0, None),
        (25.9, None),
        (26.1, 1),
        (33.9, 1),
    ],
)
def test_a_regime_reaches_a_margin_beyond_what_was_seen(speed: float, regime: int | None) -> None:
    assert STAGE.find(_vector(0.1, speed, 0.0)) == regime


def test_the_usual_of_every_regime_is_the_usual() -> None:
    for regime, vector in enumerate((_vector(0.1, 10.0, 0.0), _vector(0.9, 30.0, 0.4))):
        np.testing.assert_allclose(STAGE.remove(vector, regime), (0.3, 0.1), rtol=1e-5)


def test_a_feature_follows_the_context_within_a_regime() -> None:
    faster = _vector(0.1 * np.exp(0.1 * 2.0), 12.0, 0.0)
    np.testing.assert_allclose(STAGE.remove(faster, 0), (0.3, 0.1), rtol=1e-5)
    beyond = STAGE.remove(_vector(0.1 * np.exp(0.1 * 3.5), 13.5, 0.0), 0)
    np.testing.assert_allclose(beyond[0], 0.3, rtol=1e-5)  # within the margin too


def test_a_context_within_one_regime_is_of_that_one_however_wide_it_is() -> None:
    wide = msgspec.structs.replace(FAST, center=(24.0,), low=(13.0,))
    both = Regimes(msgspec.structs.replace(SPEC, regimes=(SLOW, wide)), NAMES)
    assert both.find(_vector(0.1, 13.2, 0.0)) == 1
    assert both.find(_vector(0.1, 12.2, 0.0)) == 0


def test_a_deviation_counts_in_scales_of_its_regime() -> None:
    louder = STAGE.remove(_vector(0.9 * np.exp(3 * 0.05), 30.0, 0.4 + 3 * 0.1), 1)
    np.testing.assert_allclose(louder, (0.3 * np.exp(3 * 0.1), 0.1 + 3 * 0.1), rtol=1e-5)


@given(
    rms=st.floats(0.0, 2.0**100, width=32, allow_subnormal=False),
    skewness=st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False),
    regime=st.sampled_from((0, 1)),
)
def test_whatever_comes_stays_finite(rms: float, skewness: float, regime: int) -> None:
    assert np.isfinite(STAGE.remove(_vector(rms, 10.0, skewness), regime)).all()


def test_an_unseen_regime_is_explained() -> None:
    said = STAGE.unseen(_vector(0.1, 20.0, 0.0))
    assert said == "speed is 20, seen were 8 to 12, 28 to 32"
    near = msgspec.structs.replace(FAST, low=(14.0,))
    joined = Regimes(msgspec.structs.replace(SPEC, regimes=(SLOW, near)), NAMES)
    assert joined.unseen(_vector(0.1, 60.0, 0.0)) == "speed is 60, seen were 8 to 32"


@pytest.mark.parametrize(
    "change",
    [
        {"context": ()},
        {"context": (0,)},
        {"regimes": ()},
        {"span": (0.0,)},
        {"margin": -0.1},
        {"location": (0.0,)},
        {"regimes": (msgspec.structs.replace(SLOW, scale=(0.1, 0.0)),)},
        {"regimes": (msgspec.structs.replace(SLOW, low=(1.0, 2.0)),)},
        {"regimes": (msgspec.structs.replace(SLOW, slope=((0.1,),)),)},
    ],
)
def test_regimes_that_do_not_fit_together_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^regime\."):
        msgspec.structs.replace(SPEC, **change)
