"""What false alarms a bundle's thresholds stand for, and what turns a budget into thresholds."""

from itertools import pairwise

import msgspec
import numpy as np

DAYS_PER_MONTH = 365.25 / 12.0


class BudgetPoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One setting of the thresholds.

    Attributes:
        margin: both thresholds' distance from the healthy middle, 1 is the recipe's own.
        expected: events per month and asset that are to be expected of healthy windows.
        low: 5 % of what may be true lies below this rate.
        high: 5 % of it lies above this rate.
    """

    margin: float
    expected: float
    low: float
    high: float


class Lane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one detector's threshold follows the margin: middle + margin * width.

    Attributes:
        middle: of the healthy scores, their median.
        width: from the middle to the recipe's own threshold, above 0.
        logarithmic: both are of ln score.
        close_share: the alarm closes below this share of the margin; None: at a fixed share of
            the threshold.
    """

    middle: float
    width: float
    logarithmic: bool
    close_share: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no threshold can follow. Raises ValueError."""
        if not (np.isfinite(self.middle) and np.isfinite(self.width) and self.width > 0.0):
            raise ValueError(f"budget lane width is {self.width}, allowed: a number above 0")

    def threshold(self, margin: float) -> float:
        """Return the threshold of the score at ``margin``."""
        value = self.middle + margin * self.width
        return float(np.exp(value)) if self.logarithmic else float(value)

    def close_ratio(self, margin: float, fixed: float) -> float:
        """Return the closing level in thresholds; ``fixed`` where it does not follow the margin."""
        if self.close_share is None:
            return fixed
        return min(1.0, self.threshold(self.close_share * margin) / self.threshold(margin))


class BudgetSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of events, as the healthy windows let them be foreseen; all per month and asset.

    Attributes:
        asked: the budget asked for; None: the thresholds are the recipe's own.
        point: the thresholds in force and what is to be expected of them.
        supported: what the healthy windows support by themselves: one event in the whole of them.
            A lower rate is foreseen only by extrapolating the tail of their scores.
        bound: three events in the whole of them: where none came, the true rate is below this
            with 95 % confidence, whatever the tail (Hanley and Lippman-Hand 1983).
        healthy_days: how long the scored healthy windows are.
        healthy_events: events in them at the thresholds in force.
        network: how the network's threshold follows the margin.
        level: likewise the level detector's, None where there is none.
        curve: settings to choose from, the margin rising and the rates falling.
    """

    asked: float | None
    point: BudgetPoint
    supported: float
    bound: float
    healthy_days: float
    healthy_events: int
    network: Lane
    level: Lane | None
    curve: tuple[BudgetPoint, ...]

    def __post_init__(self) -> None:
        """Refuse a curve that cannot be read in one direction. Raises ValueError."""
        falls = all(
            a.margin < b.margin and a.expected > b.expected > 0.0 for a, b in pairwise(self.curve)
        )
        if len(self.curve) < 2 or not falls:  # noqa: PLR2004
            raise ValueError("budget.curve must have two points or more, falling as margins rise")

    @property
    def is_extrapolated(self) -> bool:
        """The rate in force is lower than the healthy windows support by themselves."""
        return (self.point.expected if self.asked is None else self.asked) < self.supported

    def at_rate(self, expected: float) -> BudgetPoint:
        """Return the setting of which ``expected`` events per month are to be expected.

        Between the points of the curve ln rate is linear in the margin. A budget above the whole
        curve is met by its first point.

        Raises:
            ValueError: the rate is below the curve.
        """
        lowest = self.curve[-1].expected
        if not expected >= lowest:
            raise ValueError(
                f"{expected:.4g} events per month, allowed: {lowest:.3g} or more;"
                f" {self.healthy_days:.3g} healthy days support {self.supported:.3g} by themselves,"
                " and how their scores go on is not known further"
            )
        logs = [-float(np.log(p.expected)) for p in self.curve]
        margins = [p.margin for p in self.curve]
        return self.at_margin(float(np.interp(-np.log(expected), logs, margins)))

    def at_margin(self, margin: float) -> BudgetPoint:
        """Return what the curve says of ``margin``; its end points hold beyond it."""
        margins = [p.margin for p in self.curve]

        def read(values: list[float]) -> float:
            return float(np.exp(np.interp(margin, margins, np.log(np.maximum(values, 1e-12)))))

        return BudgetPoint(
            margin=margin,
            expected=read([p.expected for p in self.curve]),
            low=read([p.low for p in self.curve]),
            high=read([p.high for p in self.curve]),
        )
