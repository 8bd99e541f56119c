"""Healthy scores as one series in margins, and the events that an alarm rule makes of it.

A window's margin is how far its score lies from the healthy middle, in widths of its lane: the
detector whose margin is the larger decides. k of n is taken into it: what matters of the last n
windows of a lane is the k-th largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import AlarmRule, AlarmSpec
from edge_agent.pipeline.budget import Lane

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class LaneScores:
    """What one detector made of the healthy windows.

    Attributes:
        lane: how its threshold follows the margin.
        alarm: its rule, with the closing level at margin 1.
        scores: float64 (n,), NaN where it did not score.
    """

    lane: Lane
    alarm: AlarmSpec
    scores: NDArray[np.float64]

    def ratios(self, margin: float) -> NDArray[np.float64]:
        """Return the scores in thresholds at ``margin``."""
        return self.scores / self.lane.threshold(margin)

    def margins(self) -> NDArray[np.float64]:
        """Return the margin at which each window would just open an alarm, (n,); NaN likewise."""
        found = np.full(len(self.scores), np.nan)
        scored = np.flatnonzero(np.isfinite(self.scores))
        if len(scored) == 0:
            return found
        values = self.scores[scored]
        if self.lane.logarithmic:
            values = np.log(np.maximum(values, _TINY))
        values = (values - self.lane.middle) / self.lane.width
        k, n = self.alarm.k, self.alarm.n
        padded = np.concatenate((np.full(n - 1, -np.inf), values))
        found[scored] = np.sort(sliding_window_view(padded, n), axis=1)[:, n - k]
        return found


@dataclass(frozen=True, slots=True)
class Episode:
    """One event: the windows [first, last] that were open, and the largest margin among them."""

    first: int
    last: int
    peak: float


def joint_margins(lanes: Sequence[LaneScores]) -> NDArray[np.float64]:
    """Return the larger margin of each window, (n,); -inf where no detector scored it."""
    stacked = np.stack([np.nan_to_num(lane.margins(), nan=-np.inf) for lane in lanes])
    found: NDArray[np.float64] = stacked.max(axis=0)
    return found


def episodes(
    lanes: Sequence[LaneScores], margin: float, closing: float | None = None
) -> list[Episode]:
    """Return the events at ``margin``, by the very rules that run on the gateway.

    Args:
        lanes: the detectors; an event is open while any of their alarms is.
        margin: at which alarms open.
        closing: the margin whose closing levels hold; None: those of ``margin``.
    """
    closing = margin if closing is None else closing
    rules = [AlarmRule(_rule(lane, margin, closing)) for lane in lanes]
    ratios = [lane.ratios(margin).tolist() for lane in lanes]
    peaks = joint_margins(lanes)
    found: list[Episode] = []
    first: int | None = None
    for index, window in enumerate(zip(*ratios, strict=True)):
        for rule, ratio in zip(rules, window, strict=True):
            if ratio == ratio:  # noqa: PLR0124 - not NaN: a window that is not scored moves no rule
                rule.push(ratio)
        is_open = any(rule.is_open for rule in rules)
        if is_open and first is None:
            first = index
        if first is not None and (not is_open or index == len(peaks) - 1):
            found.append(Episode(first, index, float(peaks[first : index + 1].max())))
            first = None
    return found


def _rule(lane: LaneScores, margin: float, closing: float) -> AlarmSpec:
    ratio = lane.lane.close_ratio(closing, lane.alarm.close_ratio)
    level = ratio * lane.lane.threshold(closing) / lane.lane.threshold(margin)
    return AlarmSpec(
        k=lane.alarm.k,
        n=lane.alarm.n,
        close_ratio=min(1.0, level),
        close_after=lane.alarm.close_after,
        suppress=lane.alarm.suppress,
    )
