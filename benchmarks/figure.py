"""What a benchmark finds, as it is printed."""

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Literal

import msgspec

_LEAST_FOR_TAILS = 2
_TENTHS = 10


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure stands beside, measured in the same run.

    Attributes:
        what: it is.
        value: median, in the figure's unit.
        ratio: how many times the figure's value it is; where both were measured in turns, the
            median of the ratios turn by turn.
    """

    what: str
    value: float
    ratio: float


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a figure.

    Attributes:
        kind: ``at_most``: the value; ``times``: the ratio to the first reference, at least.
        wanted: the limit.
        aim: what would be better still; None where nothing is stated.
    """

    kind: Literal["at_most", "times"]
    wanted: float
    aim: float | None = None


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured figure.

    Attributes:
        name: which.
        what: was measured, in words.
        unit: of value, low, high and the references.
        value: median of the runs, or what ``what`` says.
        low: 10th percentile of the runs; the only value where there was one run.
        high: 90th percentile.
        runs: how many.
        references: what it stands beside.
        goal: what is wanted; None where nothing is.
        met: the goal is met.
        aim_met: what would be better still is met.
        environment: interpreter of models and numpy, with their versions.
        notes: what else was found, such as other measures of the same runs.
    """

    name: str
    what: str
    unit: str
    value: float
    low: float
    high: float
    runs: int
    references: tuple[Reference, ...]
    goal: Goal | None = None
    met: bool | None = None
    aim_met: bool | None = None
    environment: str = ""
    notes: dict[str, float | bool | str] = {}


class NotRun(msgspec.Struct, frozen=True):
    """A figure that could not be measured here, and why."""

    name: str
    reason: str


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured."""

    processor: str
    cores: int
    system: str
    python: str
    load_before: float
    load_after: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one run of the benchmarks found."""

    schema: Literal["edge-agent/benchmarks/1"] = "edge-agent/benchmarks/1"
    quick: bool
    machine: Machine
    figures: tuple[Figure, ...]
    not_run: tuple[NotRun, ...]


def compared(runs: Sequence[float], references: dict[str, Sequence[float]]) -> "Comparison":
    """Compare runs with those of references that took turns with them, one for one."""
    return Comparison(
        runs=tuple(runs),
        references=tuple(
            Reference(
                what=what,
                value=median(values),
                ratio=median(b / a for a, b in zip(runs, values, strict=True)),
            )
            for what, values in references.items()
        ),
    )


class Comparison(msgspec.Struct, frozen=True):
    """Runs beside their references."""

    runs: tuple[float, ...]
    references: tuple[Reference, ...]


def figure(
    name: str,
    what: str,
    unit: str,
    found: Comparison,
    goal: Goal | None = None,
    notes: dict[str, float | bool | str] | None = None,
) -> Figure:
    """Return the median of ``found`` as a figure, judged by ``goal``."""
    low, high = tails(found.runs)
    value = median(found.runs)
    return Figure(
        name=name,
        what=what,
        unit=unit,
        value=value,
        low=low,
        high=high,
        runs=len(found.runs),
        references=found.references,
        goal=goal,
        met=None if goal is None else _reaches(goal, goal.wanted, value, found),
        aim_met=(
            None if goal is None or goal.aim is None else _reaches(goal, goal.aim, value, found)
        ),
        notes=notes or {},
    )


def tails(runs: Sequence[float]) -> tuple[float, float]:
    """Return the 10th and the 90th percentile."""
    if len(runs) < _LEAST_FOR_TAILS:
        return runs[0], runs[0]
    cuts = quantiles(runs, n=_TENTHS, method="inclusive")
    return cuts[0], cuts[-1]


def _reaches(goal: Goal, limit: float, value: float, found: Comparison) -> bool:
    return value <= limit if goal.kind == "at_most" else found.references[0].ratio >= limit
