"""Whether a candidate is fit to take over: good, bad, or nobody can tell yet."""

import math
from typing import Annotated, Literal

import msgspec

from edge_agent.daemon.trial.tally import Figures

Verdict = Literal["good", "bad", "inconclusive"]

WINDOWS = 100
_MONTH_DAYS = 30.0
_UNKNOWN_BUDGET = 1.0  # false alarms a month of a bundle that does not say
_SURPRISE = 0.01  # probability
_FEWEST = 20  # windows of which a share says something
_TOO_MANY = 2  # one alarm more may be a fault that the incumbent does not see

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a candidate must keep to.

    Attributes:
        shift_min: its scores, as shares of their threshold, are at least so many times the
            incumbent's: below that it would sleep through what the incumbent sees.
        shift_max: at most so many times, in the middle and at the tail.
        unscored_max: share of the incumbent's scored windows that it may leave unscored.
        alone_max: share of the windows in which it alone may have an anomaly open.
        latency_factor: its processor time for a window is at most so many times the incumbent's,
        latency_ms: or so many milliseconds, whichever is more (99th percentile).
        memory_mb: that it may take more than the incumbent.
    """

    shift_min: Positive = 0.2
    shift_max: Positive = 2.5
    unscored_max: Positive = 0.05
    alone_max: Positive = 0.1
    latency_factor: Positive = 2.0
    latency_ms: Positive = 5.0
    memory_mb: Positive = 16.0


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes, measured in the process of the backtest.

    Attributes:
        p50_ms: median processor time from a window of samples, or a vector, to its result; what
            else the gateway does at that time is not the model's fault.
        p99_ms: 99th percentile.
        memory_mb: what the process grew by when the bundle was loaded and used.
    """

    p50_ms: float
    p99_ms: float
    memory_mb: float


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What both models take."""

    incumbent: Cost
    candidate: Cost


def decide(
    wanted: int,
    live: Figures,
    backtest: Figures | None,
    costs: Costs | None,
    budget_per_month: float | None,
    limits: Limits,
) -> tuple[Verdict, tuple[str, ...]]:
    """Return a verdict with its reasons.

    Args:
        wanted: live windows that both must have scored before it can be good.
        live: of the windows that came since the trial began.
        backtest: of those before; None where there were none to be had.
        costs: None where they could not be measured.
        budget_per_month: false alarms that the candidate's thresholds stand for.
        limits: see Limits.
    """
    bad = [*_of_figures(live, "live", limits), *_too_many_alarms(live, backtest, budget_per_month)]
    if backtest is not None:
        bad += _of_figures(backtest, "in the recorded past", limits)
    if costs is not None:
        bad += _of_costs(costs, limits)
    if bad:
        return "bad", tuple(bad)
    open_questions = list(_open_questions(wanted, live, backtest))
    if open_questions:
        return "inconclusive", tuple(open_questions)
    past = 0 if backtest is None else backtest.windows
    return "good", (f"{live.windows} live windows and {past} recorded ones within all limits",)


def _of_figures(found: Figures, where: str, limits: Limits) -> list[str]:
    problems = []
    seen = found.windows + found.unscored
    if seen and found.unscored / seen > limits.unscored_max:
        problems.append(
            f"{where}: leaves {found.unscored} of {seen} windows unscored that the incumbent"
            f" scores, allowed: {limits.unscored_max:.0%}"
        )
    if found.windows >= _FEWEST and found.alone > limits.alone_max:
        problems.append(
            f"{where}: alone in alarm in {found.alone:.0%} of the windows,"
            f" allowed: {limits.alone_max:.0%}"
        )
    if not found.moves:
        problems.append(f"{where}: its score is the same in every window")
    for name, value in (("scores", found.shift), ("highest scores", found.tail)):
        if value is not None and value > limits.shift_max:
            problems.append(
                f"{where}: its {name} are {value:.2f} times nearer to their threshold than the"
                f" incumbent's, allowed: {limits.shift_max:g}"
            )
    if found.shift is not None and found.shift < limits.shift_min:
        problems.append(
            f"{where}: its scores are at {found.shift:.2f} of the incumbent's share of their"
            f" threshold, allowed: {limits.shift_min:g}"
        )
    return problems


def _too_many_alarms(
    live: Figures, backtest: Figures | None, budget_per_month: float | None
) -> list[str]:
    """Alarms are held against what the candidate's own budget lets expect (Poisson)."""
    parts = [live] if backtest is None else [live, backtest]
    extra, days = sum(part.extra for part in parts), sum(part.days for part in parts)
    expected = (budget_per_month or _UNKNOWN_BUDGET) * days / _MONTH_DAYS
    if extra < _TOO_MANY or poisson_tail(extra, expected) >= _SURPRISE:
        return []
    seen = f"{extra} anomalies that the incumbent does not see in {days:.3g} days"
    return [f"{seen}, where its budget lets expect {expected:.2g}"]


def poisson_tail(count: int, expected: float) -> float:
    """Return the probability of ``count`` or more events where ``expected`` are."""
    term = total = math.exp(-expected)
    for k in range(1, count):
        term *= expected / k
        total += term
    return max(0.0, 1.0 - total) if count else 1.0


def _of_costs(costs: Costs, limits: Limits) -> list[str]:
    problems = []
    allowed_ms = max(limits.latency_ms, limits.latency_factor * costs.incumbent.p99_ms)
    if costs.candidate.p99_ms > allowed_ms:
        problems.append(
            f"takes {costs.candidate.p99_ms:.1f} ms for a window (99th percentile), the incumbent"
            f" {costs.incumbent.p99_ms:.1f} ms, allowed: {allowed_ms:.1f} ms"
        )
    more_mb = costs.candidate.memory_mb - costs.incumbent.memory_mb
    if more_mb > limits.memory_mb:
        problems.append(
            f"takes {more_mb:.1f} MB more than the incumbent, allowed: {limits.memory_mb:g} MB"
        )
    return problems


def _open_questions(wanted: int, live: Figures, backtest: Figures | None) -> list[str]:
    questions = []
    if live.windows < wanted:
        questions.append(f"{live.windows} of {wanted} live windows were scored by both")
    for found, where in ((live, "live"), (backtest, "in the recorded past")):
        if found is None:
            continue
        if found.missed:
            questions.append(
                f"{where}: {found.missed} of the incumbent's {found.incumbent_anomalies} anomalies"
                " were not seen; somebody has to know what they were"
            )
        if found.extra:
            questions.append(
                f"{where}: {found.extra} anomalies that the incumbent did not see; somebody has"
                " to look"
            )
    return questions
