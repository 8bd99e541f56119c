"""Whether a false-alarm budget is kept: a year of twenty healthy machines, ten minutes a window.

    python -m benchmarks.budget [--out budget.json] [--machines 20] [--first-seed 0] [--processes 2]

The default recipe is calibrated on the first 30 days of every machine for one false alarm per
month, and its events are counted over the other 335. Then the same with 1, 3 and 7 days, for the
budget that each supports, counted over the 60 days that follow; beside it what one per month comes
to, which is an extrapolation there. One network serves all machines, fitted to the first days of
four others; scaler, scorer, thresholds and level are each machine's own. All scores and events are
those of the gateway's flow. The method was developed on machines of seeds from 1000 on.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.budget_rows import Count, MachineResult, Row, rows_of
from benchmarks.healthy_year import NAMES, PER_DAY, PERIOD_S, simulate
from edge_agent.calibration.budget import BudgetError, with_budget
from edge_agent.calibration.events import LaneScores, episodes
from edge_agent.calibration.prepare import prepare
from edge_agent.calibration.reaction import calibrate_to_budget
from edge_agent.calibration.series import Series
from edge_agent.pipeline.block import table_input
from edge_agent.pipeline.budget import DAYS_PER_MONTH
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model, ModelSpec
from edge_agent.pipeline.spec import FlowSpec
from trainer.fit import fit_in_child
from trainer.learn import model_spec
from trainer.quantize import export_variants
from trainer.recipe import load_recipe

_YEAR_DAYS = 365
_LATER_DAYS = 60
_MONTHLY = 1.0
_FITTED_SEEDS = range(2000, 2004)
_FITTED_DAYS = 10
_SPEC = table_input(NAMES, float(PERIOD_S))


class Network(msgspec.Struct, frozen=True):
    """The network that serves all machines."""

    content: bytes
    spec: ModelSpec


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one run found."""

    schema: str = "edge-agent/benchmarks/budget/1"
    rows: tuple[Row, ...]
    machines: tuple[MachineResult, ...]


def series_of(seed: int, days: int) -> Series:
    """Return the machine's windows as a feature table would give them."""
    year = simulate(seed, days)
    return Series(
        input=_SPEC,
        features=(),
        names=NAMES,
        vectors=year.vectors,
        start_ns=year.start_ns,
        end_ns=year.start_ns + PERIOD_S * 10**9,
        gap=np.zeros(len(year.vectors), dtype=np.bool_),
    )


def fit_network(epochs: int | None) -> Network:
    """Fit the default recipe's network to a few machines, each scaled by itself."""
    recipe = load_recipe("default")
    if recipe.to_fit is None or recipe.quantization == "none":
        raise SystemExit("the default recipe has no network")
    network, fit = recipe.to_fit
    if epochs is not None:
        fit = msgspec.structs.replace(fit, epochs=epochs)
    parts = [
        prepare(recipe, series_of(seed, _FITTED_DAYS), (0, _FITTED_DAYS * PER_DAY))
        for seed in _FITTED_SEEDS
    ]
    edges = np.cumsum([0, *(len(p.seen) for p in parts)])
    runs = [
        slice(int(edge) + run.start, int(edge) + run.stop)
        for edge, part in zip(edges, parts, strict=False)
        for run in part.segments()
    ]
    seen = np.concatenate([p.seen for p in parts])
    targets = list(parts[0].targets)
    fitted = fit_in_child(
        network, fit, seen, np.concatenate([p.scaled for p in parts])[:, targets], runs, None
    )
    exported = export_variants(fitted, [recipe.quantization], seen)[recipe.quantization]
    return Network(exported.model, model_spec(exported, recipe, network, parts[0].targets))


def watch(network: Network, seed: int, days: int) -> MachineResult:
    """Calibrate on the first ``days`` and count the events of the days that follow."""
    later = _YEAR_DAYS - days if days * 12 > _YEAR_DAYS - days else _LATER_DAYS
    series = series_of(seed, days + later)
    recipe = load_recipe("default")
    model = Model(network.content, network.spec, len(NAMES))
    own = calibrate_to_budget(recipe, series, prepare(recipe, series, (0, days * PER_DAY)), model)
    if own.budget is None:
        raise SystemExit(f"machine {seed}: nothing can be foreseen from {days} days")
    asked: list[float | None] = [None, _MONTHLY]
    if own.budget.supported > 2.0 * _MONTHLY:
        asked.append(own.budget.supported)
    counts = _count(own, asked, model, series, days)
    return MachineResult(seed=seed, days=days, later_days=later, counts=counts)


def _count(
    own: FlowSpec, rates: Sequence[float | None], model: Model, series: Series, days: int
) -> tuple[Count, ...]:
    """Run the flow at the last of ``rates`` that it has; count the others from the same scores.

    Scores do not depend on thresholds, and ``episodes`` runs the same alarm rules: the run's own
    events are counted both ways, and must agree.
    """
    specs: list[FlowSpec | None] = []
    for asked in rates:
        try:
            specs.append(own if asked is None else with_budget(own, asked))
        except BudgetError:
            specs.append(None)
    runs = [spec for spec in specs if spec is not None]
    flow = Flow(runs[-1], model)
    scores = np.full((2, len(series.vectors)), np.nan)
    opened = 0
    for i, vector in enumerate(series.vectors):
        result = flow.push_vector(vector, int(series.start_ns[i]), int(series.end_ns[i]))
        judged = result.reason != "washout"
        scores[0, i] = np.nan if result.score is None else result.score
        if result.level_score is not None and judged:
            scores[1, i] = result.level_score
        opened += result.event is not None and result.event.kind == "open"
    counts = [
        Count(asked=asked, foreseen=None)
        if spec is None
        else _counted(spec, asked, scores, days * PER_DAY)
        for asked, spec in zip(rates, specs, strict=True)
    ]
    again = len(episodes(_lanes(runs[-1], scores), _margin(runs[-1])))
    if again != opened:
        raise SystemExit(f"the flow opened {opened} events, its alarm rules {again}")
    return tuple(counts)


def _counted(spec: FlowSpec, asked: float | None, scores: NDArray[np.float64], first: int) -> Count:
    later = scores.shape[1] - first
    found = [e for e in episodes(_lanes(spec, scores), _margin(spec)) if e.last > first]
    fresh = [e for e in found if e.first >= first]
    return Count(
        asked=asked,
        foreseen=spec.budget,
        events=len(fresh),
        per_month=len(fresh) / (later / PER_DAY) * DAYS_PER_MONTH,
        open_share=sum(e.last - max(e.first, first) for e in found) / later,
    )


def _margin(spec: FlowSpec) -> float:
    assert spec.budget is not None  # noqa: S101 - watch has made sure
    return spec.budget.point.margin


def _lanes(spec: FlowSpec, scores: NDArray[np.float64]) -> list[LaneScores]:
    budget, level = spec.budget, spec.level
    assert budget is not None  # noqa: S101 - watch has made sure
    lanes = [LaneScores(budget.network, spec.alarm, scores[0])]
    if level is not None and budget.level is not None:
        lanes.append(LaneScores(budget.level, level.alarm, scores[1]))
    return lanes


def main() -> None:
    """Run all calibration lengths, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--machines", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--days", type=int, nargs="+", default=[30, 7, 3, 1])
    parser.add_argument("--epochs", type=int, help="of the fit; the recipe's by default")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write everything as JSON to this file")
    given = parser.parse_args()
    network = fit_network(given.epochs)
    seeds = range(given.first_seed, given.first_seed + given.machines)
    rows, machines = list[Row](), list[MachineResult]()
    _print(("days", "asked", "expected", "low", "high", "measured", "median", "most", "inside"))
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        for days in given.days:
            found = list(pool.map(watch, *zip(*((network, s, days) for s in seeds), strict=True)))
            machines += found
            for row in rows_of(found):
                rows.append(row)
                figures = (row.expected, row.low, row.high, row.measured, row.median, row.most)
                numbers = [f"{value:.2f}" for value in figures]
                _print((str(row.days), row.asked, *numbers, f"{row.inside_share:.0%}"))
    if given.out is not None:
        given.out.write_bytes(
            msgspec.json.encode(Findings(rows=tuple(rows), machines=tuple(machines)))
        )


def _print(cells: Sequence[str]) -> None:
    sys.stdout.write("  ".join(f"{cell:>9}" for cell in cells) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
