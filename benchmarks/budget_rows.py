"""What came of a false-alarm budget on each machine, and on all of them."""

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy.stats import poisson

from edge_agent.pipeline.budget import DAYS_PER_MONTH, BudgetSpec


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one machine at one setting.

    Attributes:
        asked: per month; None: the recipe's own thresholds.
        foreseen: what the bundle states; None where it refuses the budget.
        events: after the calibration.
        per_month: these.
        open_share: of the windows, while an alarm was open.
    """

    asked: float | None
    foreseen: BudgetSpec | None
    events: int = 0
    per_month: float = 0.0
    open_share: float = 0.0


class MachineResult(msgspec.Struct, frozen=True, kw_only=True):
    """One machine, calibrated on its first ``days``, watched for ``later_days``."""

    seed: int
    days: int
    later_days: int
    counts: tuple[Count, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """All machines at one setting; rates are means over machines, per month.

    Attributes:
        days: of calibration.
        asked: what was asked: ``own`` thresholds, ``supported``, or events per month.
        machines: with thresholds for it.
        refused: machines whose bundle refuses it.
        supported: by the healthy windows themselves.
        expected: as stated.
        low: mean of the lower limits stated.
        high: mean of the upper limits.
        measured: events counted.
        median: over the machines.
        most: likewise.
        kept: the events of all machines together are what rates within the limits may give,
            Poisson counts vary that much (5 % beyond either side).
        inside_share: likewise, machines by themselves.
        open_share: of the windows, while an alarm was open.
    """

    days: int
    asked: str
    machines: int
    refused: int
    supported: float
    expected: float
    low: float
    high: float
    measured: float
    median: float
    most: float
    kept: bool
    inside_share: float
    open_share: float


def row_of(results: Sequence[MachineResult], position: int, asked: str) -> Row:
    """Return what came of all machines at the setting in ``position``."""
    every = [r.counts[position] for r in results]
    kept = [(c, c.foreseen) for c in every if c.foreseen is not None]
    measured = np.array([c.per_month for c, _ in kept])
    months = results[0].later_days / DAYS_PER_MONTH
    low = np.array([b.point.low for _, b in kept])
    high = np.array([b.point.high for _, b in kept])
    events = np.array([c.events for c, _ in kept])
    least, most = poisson.ppf(0.05, low * months), poisson.ppf(0.95, high * months)
    fewest = float(poisson.ppf(0.05, low.sum() * months))
    largest = float(poisson.ppf(0.95, high.sum() * months))
    return Row(
        days=results[0].days,
        asked=asked,
        machines=len(kept),
        refused=len(every) - len(kept),
        supported=float(np.mean([b.supported for _, b in kept])),
        expected=float(np.mean([b.point.expected for _, b in kept])),
        low=float(low.mean()),
        high=float(high.mean()),
        measured=float(measured.mean()),
        median=float(np.median(measured)),
        most=float(measured.max()),
        kept=bool(fewest <= events.sum() <= largest),
        inside_share=float(((least <= events) & (events <= most)).mean()),
        open_share=float(np.mean([c.open_share for c, _ in kept])),
    )


def rows_of(results: Sequence[MachineResult]) -> list[Row]:
    """Return a row for each setting of one calibration length."""
    names = ("own", "1/month", "supported")
    settings = range(len(results[0].counts))
    return [
        row_of(results, i, names[i])
        for i in settings
        if any(r.counts[i].foreseen is not None for r in results)
    ]
