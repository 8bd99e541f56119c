"""Recipes, bundles and plain methods on one recording, trained on one healthy part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from edge_agent.bundle import Bundle
from edge_agent.calibration.series import DataError, Series
from edge_agent.recordings import Recording
from trainer.baselines import baseline_watches
from trainer.data import input_spec, read_series
from trainer.evaluate import Parity, Verdicts, compare, run
from trainer.evaluate_bundle import Known, evaluate_bundle
from trainer.fit import FitError
from trainer.learn import Detector, learn
from trainer.metrics import DEFAULT_BUFFER
from trainer.outcome import Truth, Watch, flow_watch, measure_all, random_watch
from trainer.quantize import ExportError
from trainer.recipe import Recipe

Stage = Callable[[str], None]


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over the seeds.

    Attributes:
        median: of the seeds that have it.
        low: the smallest.
        high: the largest.
        missing: seeds that have none, such as a first alarm where none came.
    """

    median: float
    low: float
    high: float
    missing: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant.

    Attributes:
        name: of recipe, bundle file or plain method.
        kind: a system or a baseline to hold it against, or a bundle that was there before.
        seeds: that it was trained with; one 0 where nothing was left to chance.
        verdicts: of each seed.
        parity: of each seed, quantized against float; empty where there is no network.
        spread: of each figure that any seed has.
        problem: why it could not be trained, None where it could.
    """

    name: str
    kind: Literal["system", "baseline", "bundle"]
    seeds: tuple[int, ...]
    verdicts: tuple[Verdicts, ...]
    parity: tuple[Parity, ...]
    spread: dict[str, Spread]
    problem: str | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All contestants on one recording.

    Attributes:
        windows: in the recording.
        healthy: that all were trained or fitted on.
        labelled_rows: how many windows are labelled as anomalies, None without labels.
        buffer: tolerance of VUS in windows.
        rows: one for each contestant.
    """

    windows: int
    healthy: tuple[int, int]
    labelled_rows: int | None
    rows: tuple[Row, ...]
    buffer: int = DEFAULT_BUFFER


@dataclass(slots=True)
class Arena:
    """What the contestants have in common.

    Attributes:
        recording: to be judged on.
        healthy: windows [first, last) to learn from, of ``recording`` or of the one in ``known``.
        known: of the recording.
        window: samples per window where the user says them.
        hop: likewise.
    """

    recording: Recording
    healthy: tuple[int, int]
    known: Known
    window: int | None = None
    hop: int | None = None
    _read: dict[tuple[Path, bytes], Series] = field(default_factory=dict)

    def series(self, recording: Recording, recipe: Recipe) -> Series:
        """Return the recipe's features of ``recording``, computed once for recipes alike."""
        key = recording.path, msgspec.json.encode((recipe.features, recipe.window))
        if key not in self._read:
            spec = input_spec(recording, recipe, self.window, self.hop)
            self._read[key] = read_series(recording, recipe, spec)
        return self._read[key]

    def quiet(self, recipe: Recipe) -> Truth:
        """Return what is known of the recording that the healthy part is in."""
        recording = self.known.healthy_recording or self.recording
        return self.known.quiet(recording, self.series(recording, recipe))

    def truth(self, recipe: Recipe) -> Truth:
        """Return what is known of the recording as the recipe sees it."""
        return self.known.truth(self.recording, self.series(self.recording, recipe))

    def judge(self, watches: dict[str, Watch], recipe: Recipe) -> dict[str, Verdicts]:
        """Judge detectors that take the recipe's features."""
        elsewhere = self.known.healthy_recording is not None
        reference = self.quiet(recipe) if elsewhere else None
        return measure_all(watches, self.truth(recipe), reference)


def compare_all(
    arena: Arena,
    recipes: Sequence[Recipe],
    bundles: Sequence[Path],
    seeds: int,
    stage: Stage = lambda _: None,
) -> Comparison:
    """Train each recipe with each seed and judge all of them alike.

    A recipe that cannot be trained on the healthy part is reported and does not end the others.

    Args:
        arena: recordings and what is known of them.
        recipes: at least one; the first says which features the plain methods see.
        bundles: finished ones, judged as they are.
        seeds: 0 to seeds - 1 are tried, by recipes with a network.
        stage: told what begins.

    Raises:
        DataError, LabelError, MetricError: what is known does not fit the recording.
        FeatureError: a recipe's features cannot be computed.
        BundleError, ReplayError: of a bundle.
    """
    rows = [_recipe_row(arena, recipe, seeds, stage) for recipe in recipes]
    rows += [_bundle_row(arena, path, stage) for path in bundles]
    stage("plain methods")
    rows += _plain_rows(arena, recipes[0])
    truth = arena.truth(recipes[0])
    return Comparison(
        windows=len(truth.series.vectors),
        healthy=arena.healthy,
        labelled_rows=None if truth.labels is None else int(truth.labels.sum()),
        rows=tuple(rows),
        buffer=arena.known.buffer,
    )


def _recipe_row(arena: Arena, recipe: Recipe, seeds: int, stage: Stage) -> Row:
    truth, learnable = arena.truth(recipe), arena.quiet(recipe).learnable
    tried = range(seeds if recipe.network is not None else 1)
    found, parity = list[Verdicts](), list[Parity]()
    for seed in tried:
        stage(f"{recipe.name}, seed {seed}")
        try:
            learned = learn(recipe, learnable, arena.healthy, seed)
        except (DataError, FitError, ExportError) as error:
            return _row(recipe.name, recipe.kind, tried[:0], [], [], str(error))
        watch = flow_watch(learned.shipped.spec, learned.shipped.model)
        found += arena.judge({recipe.name: watch}, recipe).values()
        if learned.network is not None:
            parity.append(_parity(learned.shipped, learned.network.in_float, truth))
    return _row(recipe.name, recipe.kind, tried, found, parity)


def _parity(shipped: Detector, in_float: Detector, truth: Truth) -> Parity:
    results, beside = (run(d.spec, d.model, truth.series) for d in (shipped, in_float))
    return compare(results, beside, truth.series, truth.healthy, truth.labels, truth.buffer)


def _bundle_row(arena: Arena, path: Path, stage: Stage) -> Row:
    stage(str(path))
    found = evaluate_bundle(Bundle.read(path).load(), arena.recording, arena.known).evaluation
    return _row(str(path), "bundle", range(1), [found.verdicts["all"]], [])


def _plain_rows(arena: Arena, recipe: Recipe) -> list[Row]:
    watches = baseline_watches(arena.quiet(recipe).learnable, arena.healthy)
    if arena.known.labels is not None:
        watches["random"] = random_watch()
    found = arena.judge(watches, recipe)
    return [_row(name, "baseline", range(1), [verdicts], []) for name, verdicts in found.items()]


def _row(
    name: str,
    kind: Literal["system", "baseline", "bundle"],
    seeds: Sequence[int],
    found: Sequence[Verdicts],
    parity: Sequence[Parity],
    problem: str | None = None,
) -> Row:
    figures = [_figures(verdicts) for verdicts in found]
    spread = {}
    for key in dict.fromkeys(key for figure in figures for key in figure):
        values = [figure[key] for figure in figures if key in figure]
        spread[key] = Spread(
            median=float(np.median(values)),
            low=min(values),
            high=max(values),
            missing=len(figures) - len(values),
        )
    return Row(
        name=name,
        kind=kind,
        seeds=tuple(seeds),
        verdicts=tuple(found),
        parity=tuple(parity),
        spread=spread,
        problem=problem,
    )


def _figures(verdicts: Verdicts) -> dict[str, float]:
    """Return the figures by name that these verdicts have."""
    found: dict[str, float | None] = {
        "first_alarm": verdicts.first_alarm,
        "alarms": len(verdicts.alarms),
        "alarms_in_healthy": verdicts.alarms_in_healthy,
        "alarms_per_healthy_day": verdicts.alarms_per_healthy_day,
    }
    if verdicts.lead is not None:
        found |= {
            "lead_windows": verdicts.lead.lead_windows,
            "lead_hours": verdicts.lead.lead_hours,
            "delay_to_fpt": verdicts.lead.delay_to_fpt,
            "counts": float(verdicts.lead.counts),
        }
    if verdicts.labelled is not None:
        plain = msgspec.to_builtins(verdicts.labelled)
        found |= {f"event_{name}": value for name, value in plain.pop("event").items()}
        found |= plain
    return {name: float(value) for name, value in found.items() if value is not None}
