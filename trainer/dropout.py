"""The published score of a network that is run many times with its dropout in use.

Each pass drops other outputs, so the passes differ by what the network is unsure of: the lowest
quantile that it forecasts becomes that quantile of the passes, the highest likewise, and the
interval between them holds its own doubt beside the spread of the data (M. Cerliani's forecasts of
taxi demand). No runtime of a gateway draws random numbers, and a bundle holds no dropout: this is
for comparison only and does not ship.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.model import Model
from edge_agent.pipeline.result import WindowResult
from trainer.evaluate import DropoutPasses, network_only, run
from trainer.learn import Learned, LearnedNetwork, calibrated
from trainer.networks import FittedNetwork, NetworkSpec, predict_passes
from trainer.outcome import Truth, measure, outcome_of
from trainer.recipe import Recipe

_AT_ONCE = 800  # windows times passes: as many as memory and its caches take well
Scores = NDArray[np.float64]


def may_pass(recipe: Recipe) -> bool:
    """Whether the score of many passes is one of ``recipe``: its network tells an interval."""
    network = recipe.network
    return (
        network is not None
        and recipe.quantization != "none"
        and len(network.quantiles) > 0
        and network.form == "window"
        and network.linear_in is None
        and max(network.dropouts) > 0.0
    )


def judge_passes(
    passes: int,
    seed: int,
    recipe: Recipe,
    learned: Learned,
    truth: Truth,
    results: Sequence[WindowResult],
    budget: float | None = None,
) -> DropoutPasses:
    """Calibrate and judge the network with dropout in use as the one that ships was.

    Args:
        passes: of each window.
        seed: of what is dropped.
        recipe: one that ``may_pass``.
        learned: by it.
        truth: of the recording.
        results: what the bundle's flow said of it.
        budget: false alarms per month and asset that was asked for.

    Raises:
        ValueError: the recipe has no such score.
        DataError: no threshold can be chosen.
    """
    network = learned.network
    if network is None or not may_pass(recipe):
        raise ValueError(f"recipe {recipe.name} has no score of passes with dropout")
    model = _Passes(network, passes, seed)
    while True:
        found = calibrated(recipe, truth.learnable, learned.ready, model, budget, truth.labels)
        spec = network_only(found.spec)
        dropped = run(spec, model, truth.series)
        if not model.answer():
            break
    scores, shipped = _scores(dropped), _scores(results)
    both = np.isfinite(scores) & np.isfinite(shipped)
    scores, shipped = scores[both], shipped[both]
    return DropoutPasses(
        passes=passes,
        rank_correlation=rank_correlation(scores, shipped),
        widening=float(np.median(scores / np.maximum(shipped, 1e-12))),
        verdicts=measure(outcome_of(dropped, spec), truth),
    )


def interval(outputs: NDArray[np.float32], spec: NetworkSpec) -> NDArray[np.float32]:
    """Make of all passes what stands for one: float32 (n, heads * O) of (passes, n, heads * O).

    The lowest quantile that the network predicts is that quantile of the passes, the highest
    likewise; those between are the passes' mean.
    """
    heads = np.split(outputs, spec.heads, axis=2)
    made = [head.mean(axis=0) for head in heads]
    for edge in (0, -1):
        made[edge] = np.quantile(heads[edge], spec.quantiles[edge], axis=0).astype(np.float32)
    return np.concatenate(made, axis=1)


def rank_correlation(a: Scores, b: Scores) -> float | None:
    """Return Spearman's coefficient, equal values sharing their mean rank.

    None where there are no two windows, or one of the two scores never varies.
    """
    if len(a) == 0 or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return None
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Scores) -> Scores:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Scores = (np.cumsum(count) - (count - 1) / 2.0)[place]
    return ranks


def _scores(results: Sequence[WindowResult]) -> Scores:
    return np.array([np.nan if r.score is None else r.score for r in results], dtype=np.float64)


class _Passes(Model):
    """Stands where the exported network does, and answers with the interval of all passes.

    One window at a time would take hours. So a window that is new is answered without dropout
    and remembered, ``answer`` runs all that are, and whoever asks again is told.
    """

    def __init__(self, network: LearnedNetwork, passes: int, seed: int) -> None:
        in_float = network.in_float.model
        assert isinstance(in_float, Model)  # noqa: S101 - it was exported
        self.spec = in_float.spec
        self._in_float = in_float
        self._fitted: FittedNetwork = network.fitted
        self._passes = passes
        self._rng = np.random.default_rng(seed)
        self._new: dict[bytes, NDArray[np.float32]] = {}
        self._known: dict[bytes, NDArray[np.float32]] = {}

    def run(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """See Model."""
        key = x.tobytes()
        if key in self._known:
            return self._known[key]
        self._new[key] = x[0].copy()
        return self._in_float.run(x)

    def answer(self) -> bool:
        """Run every window that was new; whether there were any."""
        keys, waiting = list(self._new), list(self._new.values())
        step = max(1, _AT_ONCE // self._passes)
        for first in range(0, len(waiting), step):
            windows = np.stack(waiting[first : first + step])
            outputs = predict_passes(self._fitted, windows, self._passes, self._rng)
            made = interval(outputs, self._fitted.spec)[:, None]
            self._known.update(zip(keys[first : first + step], made, strict=True))
        self._new.clear()
        return bool(keys)
