"""A budget as people write it: so many events in so much time."""

import re

from edge_agent.pipeline.budget import DAYS_PER_MONTH, BudgetSpec

_DAYS = {"day": 1.0, "week": 7.0, "month": DAYS_PER_MONTH, "year": 12.0 * DAYS_PER_MONTH}
_WHOLE = 100.0  # from here on nobody wants digits behind the point
_NONE = 0.01  # a year: less is nothing that anybody will see
_RATE = re.compile(
    r"\s*(?P<count>[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(?:/|\bper\b)\s*"
    r"(?:(?P<number>[0-9]{1,6})\s*)?(?P<unit>day|week|month|year)s?\s*",
    re.ASCII,
)
ALLOWED = "a number above 0 per day, week, month or year, such as 1/month, 0.5/week or 2/3months"


def parse_rate(text: str) -> float:
    """Return events per month of ``text``, such as ``1/month``, ``3 per year``, ``1/2weeks``.

    Raises:
        ValueError: it is not of that form, or the rate is 0.
    """
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} found, allowed: {ALLOWED}")
    days = int(found["number"] or 1) * _DAYS[found["unit"]]
    if float(found["count"]) <= 0.0 or days <= 0.0:
        raise ValueError(f"{text!r} found, allowed: {ALLOWED}")
    return float(found["count"]) / days * DAYS_PER_MONTH


def rate_text(per_month: float) -> str:
    """Return events per month in the shortest unit that has one, such as ``1.5/week``."""
    units = [unit for unit in _DAYS if per_month * _DAYS[unit] >= DAYS_PER_MONTH * (1.0 - 1e-9)]
    unit = units[0] if units else "year"
    count = per_month * _DAYS[unit] / DAYS_PER_MONTH
    if count < _NONE:
        return f"0/{unit}"
    return f"{count:.0f}/{unit}" if count >= _WHOLE else f"{count:.3g}/{unit}"


def budget_text(budget: BudgetSpec) -> str:
    """Say in a sentence or two what false alarms are to be expected, and on what grounds."""
    point = budget.point
    said = (
        f"{rate_text(point.expected)} expected"
        f" (90 %: {rate_text(point.low)} to {rate_text(point.high)});"
        f" {budget.healthy_events} in {budget.healthy_days:.3g} healthy days,"
        f" which support {rate_text(budget.supported)} by themselves"
        f" (none in them would still mean up to {rate_text(budget.bound)})"
    )
    if budget.asked is not None:
        said = f"{rate_text(budget.asked)} asked, {said}"
    if budget.is_extrapolated:
        said += "; a lower rate is an extrapolation of their tail, good only as far as it goes on"
    return said
