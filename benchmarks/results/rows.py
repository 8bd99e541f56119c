"""One system on one case with one seed, as a row that can be kept and read again."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from benchmarks.results.datasets import Case
from edge_agent.calibration.series import DataError, Series
from trainer.evaluate import Parity, Verdicts, compare, run
from trainer.fit import FitError
from trainer.learn import Learned, learn
from trainer.outcome import Truth, flow_watch, measure_all, part_watches
from trainer.quantize import ExportError
from trainer.recipe import Recipe

Key = tuple[str, str, str, int, str]

_KEPT_ALARMS = 20  # of thousands that a detector tuned to another trade may raise


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one system on one case.

    Attributes:
        family: set of the case.
        case: its name.
        kind: what is known of it.
        system: the recipe's name.
        baseline: whether it is one.
        seed: of all random numbers.
        recipe_sha256: of the recipe, so that rows of a changed one are not taken for its own.
        verdicts: of ``all``, and of the parts ``network`` and ``level`` where there are two; the
            first alarms only.
        parity: quantized against float, None without a network.
        problem: why there is none of this.
        seconds: that it took.
    """

    family: str
    case: str
    kind: str
    system: str
    baseline: bool
    seed: int
    recipe_sha256: str
    verdicts: dict[str, Verdicts]
    parity: Parity | None
    problem: str | None
    seconds: float

    @property
    def key(self) -> Key:
        """What it is the row of."""
        return self.family, self.case, self.system, self.seed, self.recipe_sha256


@dataclass(frozen=True, slots=True)
class Task:
    """A row to be made."""

    case: Case
    recipe: Recipe
    seed: int

    @property
    def key(self) -> Key:
        """See Row."""
        return self.case.family, self.case.name, self.recipe.name, self.seed, self.recipe_sha256

    @property
    def recipe_sha256(self) -> str:
        """See Row."""
        return sha256(msgspec.json.encode(self.recipe, order="sorted")).hexdigest()


def rows(tasks: Sequence[Task]) -> list[Row]:
    """Return the rows of ``tasks``; neighbours that learn from the same windows learn once."""
    return list(_rows(tasks))


def _rows(tasks: Sequence[Task]) -> Iterator[Row]:
    last: tuple[object, ...] | None = None
    found: Learned | None = None
    for task in tasks:
        began_s = time.perf_counter()
        try:
            train, test, healthy = task.case.series(task.recipe)
            asked = (task.case.train, healthy, task.recipe, task.seed)
            if found is None or last is None or not _same(asked, last):
                found, last = learn(task.recipe, train, healthy, task.seed), asked
            verdicts, parity = _judged(task, found, (train, test), healthy)
            problem = None
        except (DataError, ExportError, FitError) as error:
            verdicts, parity, problem, last = {}, None, str(error), None
        yield Row(
            family=task.case.family,
            case=task.case.name,
            kind=task.case.kind,
            system=task.recipe.name,
            baseline=task.recipe.kind == "baseline",
            seed=task.seed,
            recipe_sha256=task.recipe_sha256,
            verdicts=verdicts,
            parity=parity,
            problem=problem,
            seconds=round(time.perf_counter() - began_s, 1),
        )


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Whether both learn alike; arrays in memory are the same only if they are the very same."""
    return one[0] is other[0] and one[1:] == other[1:]


def _judged(
    task: Task, learned: Learned, series: tuple[Series, Series], healthy: tuple[int, int]
) -> tuple[dict[str, Verdicts], Parity | None]:
    train, test = series
    case, shipped = task.case, learned.shipped
    apart = case.test is not None
    truth = Truth(
        test,
        None if apart else healthy,
        case.labels,
        case.fpt,
        case.period,
    )
    watches = {"all": flow_watch(shipped.spec, shipped.model)}
    if shipped.spec.level is not None and case.kind == "run to failure":
        watches |= part_watches(shipped.spec, shipped.model)
    found = measure_all(watches, truth, Truth(train, healthy) if apart else None)
    parity = None
    if learned.network is not None:
        in_float = learned.network.in_float
        parity = compare(
            run(shipped.spec, shipped.model, test),
            run(in_float.spec, in_float.model, test),
            test,
            truth.healthy,
            case.labels,
            case.period,
        )
    return {name: _kept(verdict) for name, verdict in found.items()}, parity


def _kept(verdict: Verdicts) -> Verdicts:
    return replace(verdict, alarms=verdict.alarms[:_KEPT_ALARMS])
