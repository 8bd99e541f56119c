"""What a detector would say with its threshold multiplied: the way to its best and its worst."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import AlarmRule, AlarmSpec

FACTORS = tuple(float(2.0 ** (quarter / 4.0)) for quarter in range(-12, 17))  # 1/8 to 16


@dataclass(frozen=True, slots=True)
class Ratios:
    """Score / threshold of one detector and the rule that makes alarms of it.

    Attributes:
        values: float64 (n,), NaN where a window was not scored.
        rule: when its alarm opens and closes.
    """

    values: NDArray[np.float64]
    rule: AlarmSpec


def largest(detectors: Sequence[Ratios]) -> NDArray[np.float64]:
    """Return the largest score / threshold of any, float64 (n,), NaN where none scored."""
    parts = np.stack([np.nan_to_num(d.values, nan=-np.inf) for d in detectors]).max(axis=0)
    return np.where(np.isneginf(parts), np.nan, parts)


def alarmed_at(detectors: Sequence[Ratios], factor: float) -> NDArray[np.bool_]:
    """Return whether an alarm is open with every threshold multiplied by ``factor``, bool (n,).

    Args:
        detectors: of one asset; an alarm is open while that of any is, as on the gateway.
        factor: above 0.
    """
    is_open = np.zeros(len(detectors[0].values), dtype=np.bool_)
    for detector in detectors:
        rule = AlarmRule(detector.rule)
        for i, ratio in enumerate((detector.values / factor).tolist()):
            is_open[i] |= rule.is_open if isnan(ratio) else rule.push(ratio)
    return is_open
