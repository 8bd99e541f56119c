import math

import msgspec
import numpy as np
import pytest

from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.level import LevelDetector, LevelSpec, levels

SPEC = LevelSpec(
    features=(1, 3),
    location=(0.0, 1.0),
    scale=(0.5, 0.25),
    cap=None,
    alpha=0.4,
    threshold=6.0,
    alarm=AlarmSpec(),
)


def vector(first: float, second: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([1e6, first, -1e6, second], np.float32)


def test_the_score_is_the_smoothed_rise_of_the_loudest_channel_from_its_healthy_level() -> None:
    detector = LevelDetector(SPEC)
    pushed = [(1.0, 2.0), (3.0, 2.5), (9.0, 4.0)]
    rises = [(math.log(a) / 0.5, (math.log(b) - 1.0) / 0.25) for a, b in pushed]
    smooth = [0.0, 0.0]  # begins at the healthy level

    for (first, second), rise in zip(pushed, rises, strict=True):
        score, loudest = detector.push(vector(first, second))
        smooth = [s + 0.4 * (x - s) for s, x in zip(smooth, rise, strict=True)]
        assert score == pytest.approx(max(smooth), rel=1e-6)
        assert loudest == (1 if smooth[0] > smooth[1] else 3)


def test_a_single_knock_counts_no_more_than_the_cap() -> None:
    detector = LevelDetector(msgspec.structs.replace(SPEC, cap=5.0))
    quiet = vector(1.0, math.e)
    detector.push(quiet)

    assert detector.push(vector(1e9, math.e))[0] == pytest.approx(2.0)
    assert detector.push(vector(1e-9, 1e-9))[0] >= -5.0


def test_only_a_rise_counts() -> None:
    detector = LevelDetector(SPEC)

    assert detector.push(vector(1e-6, 1e-6))[0] < -10


def test_a_dead_channel_gives_a_finite_level() -> None:
    assert np.isfinite(levels(np.zeros(2, np.float32))).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("features", []),
        ("features", [1]),
        ("location", [0.0]),
        ("scale", [0.5]),
        ("scale", [0.5, 0.0]),
        ("cap", 0.0),
        ("alpha", 0.0),
        ("alpha", 1.5),
        ("threshold", 0.0),
        ("threshold", -1.0),
    ],
)
def test_a_level_detector_that_cannot_work_is_refused(name: str, value: object) -> None:
    right = msgspec.to_builtins(SPEC)
    msgspec.convert(right, LevelSpec)

    with pytest.raises(msgspec.ValidationError, match=f"level.{name}|differ in length"):
        msgspec.convert(right | {name: value}, LevelSpec)
