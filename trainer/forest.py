"""Isolation forest, the baseline that no gateway runs: it needs scikit-learn.

F. T. Liu, K. M. Ting, Z.-H. Zhou, Isolation Forest, ICDM 2008.
"""

import numpy as np

from edge_agent.calibration.prepare import prepare
from edge_agent.calibration.series import Series
from edge_agent.pipeline.gate import Gate
from trainer.outcome import Outcome, Watch, outcome_of_ratios
from trainer.recipe import Recipe

_QUANTILE = 0.995  # of the healthy scores, as the recipes take it whose scores have no unit
_TREES = 100


def forest_watch(recipe: Recipe, series: Series, healthy: tuple[int, int], seed: int = 0) -> Watch:
    """Return a forest grown on the healthy windows.

    Args:
        recipe: whose gate and alarm rule are used.
        series: the recording.
        healthy: its windows [first, last) that are known to be healthy.
        seed: of the trees.

    Raises:
        DataError: the healthy part does not do.
    """
    from sklearn.ensemble import IsolationForest

    ready = prepare(recipe, series, healthy)
    forest = IsolationForest(n_estimators=_TREES, random_state=seed).fit(ready.vectors)
    threshold = float(np.quantile(-forest.score_samples(ready.vectors), _QUANTILE))

    def watch(given: Series) -> Outcome:
        gate = Gate(ready.gate)
        finite = np.isfinite(given.vectors).all(axis=1)
        idle = [gate.is_idle(v, int(t)) for v, t in zip(given.vectors, given.start_ns, strict=True)]
        scored = finite & ~np.array(idle, dtype=np.bool_)
        ratios = np.full(len(scored), np.nan)
        if scored.any():
            ratios[scored] = -forest.score_samples(given.vectors[scored]) / threshold
        return outcome_of_ratios(ratios, recipe.alarm)

    return watch
