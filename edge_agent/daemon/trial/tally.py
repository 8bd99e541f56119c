"""Two models side by side: what both said of the same windows, and the figures that come of it.

The scores of two models are not on one scale. Each is therefore held against its own threshold,
and of these ratios are compared, over windows in which neither has an anomaly open:

* the shift, exp(median(ln r' - ln r)) of the candidate's r' to the incumbent's r, paired by window
  so that load and weather cancel out, by the median because scores have heavy tails;
* the tail, the same for the 99th percentiles: it decides how often a calm machine alarms;
* the rank correlation (Spearman 1904), which no threshold enters at all. It is shown and decides
  nothing: of a calm machine both see their own noise.
"""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

PAIRS_MAX = 4096
SPANS_MAX = 256
NEAR = 10  # windows by which two models may see the same thing sooner or later
_TINY = 1e-12
_TAIL = 0.99
_FEWEST, _FEWEST_TAIL = 20, 100  # calm windows: a percentile of fewer says nothing


class Side(msgspec.Struct, kw_only=True):
    """One of the two models.

    Attributes:
        over: windows with a score above the threshold.
        open_windows: windows with an anomaly open.
        spans: first and last window of each anomaly.
    """

    over: int = 0
    open_windows: int = 0
    spans: list[tuple[int, int]] = msgspec.field(default_factory=list)

    def note(self, index: int, ratio: float | None, *, is_open: bool) -> None:
        """Take note of one window; windows come in order."""
        self.over += ratio is not None and ratio > 1.0
        if not is_open:
            return
        self.open_windows += 1
        if self.spans and self.spans[-1][1] == index - 1:
            self.spans[-1] = (self.spans[-1][0], index)
        elif len(self.spans) < SPANS_MAX:
            self.spans.append((index, index))

    def without(self, other: "Side") -> int:
        """Return how many anomalies ``other`` has nothing near."""
        return sum(
            not any(a <= last + NEAR and b >= first - NEAR for a, b in other.spans)
            for first, last in self.spans
        )


class Tally(msgspec.Struct, kw_only=True):
    """What came of the windows so far.

    Attributes:
        windows: that both have scored.
        seconds: that these stand for.
        unscored: that only the incumbent has scored, its washout apart.
        lost: that the candidate never saw.
        alone: of ``windows`` those with an anomaly open by the candidate only.
        incumbent: the model that judges.
        candidate: the model on trial.
        pairs: ln of score / threshold, the candidate's last, of calm windows; the newest ones.
        busy_s: what the candidate took of the scoring thread.
        tried: windows that the candidate was given.
    """

    windows: int = 0
    seconds: float = 0.0
    unscored: int = 0
    lost: int = 0
    alone: int = 0
    incumbent: Side = msgspec.field(default_factory=Side)
    candidate: Side = msgspec.field(default_factory=Side)
    pairs: list[tuple[float, float]] = msgspec.field(default_factory=list)
    busy_s: float = 0.0
    tried: int = 0

    def note(
        self,
        index: int,
        seconds: float,
        incumbent: tuple[float | None, bool],
        candidate: tuple[float | None, bool],
        *,
        washing: bool = False,
    ) -> None:
        """Take note of one window.

        Args:
            index: of the window; they come in order.
            seconds: from one window to the next.
            incumbent: its score / threshold, None where it has none; whether an anomaly is open.
            candidate: likewise.
            washing: the candidate has not seen enough windows yet.
        """
        self.tried += 1
        self.incumbent.note(index, incumbent[0], is_open=incumbent[1])
        self.candidate.note(index, candidate[0], is_open=candidate[1])
        if incumbent[0] is None:
            return
        if candidate[0] is None:
            self.unscored += not washing
            return
        self.windows += 1
        self.seconds += seconds
        self.alone += candidate[1] and not incumbent[1]
        if not (incumbent[1] or candidate[1]):
            self.pairs.append((_ln(incumbent[0]), _ln(candidate[0])))
            if len(self.pairs) > PAIRS_MAX:
                del self.pairs[0]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a tally comes to; see the module.

    Attributes:
        windows: that both have scored.
        days: that these stand for.
        unscored: that only the incumbent has scored.
        lost: that the candidate never saw.
        incumbent_anomalies: that it had open in these windows.
        candidate_anomalies: likewise.
        extra: anomalies of the candidate with none of the incumbent's near.
        missed: anomalies of the incumbent with none of the candidate's near.
        alone: share of the windows in which only the candidate has an anomaly open.
        incumbent_over: share of windows with a score above its threshold.
        candidate_over: likewise.
        shift: how many times nearer to its threshold the candidate's scores are; None: too few
            calm windows to tell.
        tail: the same of the highest hundredth.
        rank: Spearman's correlation; None also where a score does not move.
        moves: the candidate's scores are not all the same.
        busy_ms: what the candidate took of the scoring thread for each window.
    """

    windows: int
    days: float
    unscored: int
    lost: int
    incumbent_anomalies: int
    candidate_anomalies: int
    extra: int
    missed: int
    alone: float
    incumbent_over: float
    candidate_over: float
    shift: float | None
    tail: float | None
    rank: float | None
    moves: bool
    busy_ms: float


def figures(tally: Tally) -> Figures:
    """Return the figures of ``tally``."""
    pairs = np.array(tally.pairs, dtype=np.float64).reshape(-1, 2)
    before, after = pairs[:, 0], pairs[:, 1]
    known = len(pairs) >= _FEWEST
    tails = np.quantile(pairs, _TAIL, axis=0) if len(pairs) >= _FEWEST_TAIL else None
    return Figures(
        windows=tally.windows,
        days=tally.seconds / 86_400.0,
        unscored=tally.unscored,
        lost=tally.lost,
        incumbent_anomalies=len(tally.incumbent.spans),
        candidate_anomalies=len(tally.candidate.spans),
        extra=tally.candidate.without(tally.incumbent),
        missed=tally.incumbent.without(tally.candidate),
        alone=_share(tally.alone, tally.windows),
        incumbent_over=_share(tally.incumbent.over, tally.windows),
        candidate_over=_share(tally.candidate.over, tally.windows),
        shift=float(np.exp(np.median(after - before))) if known else None,
        tail=None if tails is None else float(np.exp(tails[1] - tails[0])),
        rank=_spearman(before, after) if known else None,
        moves=not known or bool(np.ptp(after) > 0.0),
        busy_ms=1e3 * tally.busy_s / max(1, tally.tried),
    )


def _ln(ratio: float) -> float:
    return math.log(max(ratio, _TINY))


def _share(count: int, windows: int) -> float:
    return count / windows if windows else 0.0


def _spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Return Pearson's correlation of the ranks, ties sharing their mean one."""
    ranks = [_ranks(a), _ranks(b)]
    if any(np.ptp(rank) == 0.0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean = last - (counts - 1) / 2.0
    ranks: NDArray[np.float64] = mean[place.reshape(-1)]
    return ranks
