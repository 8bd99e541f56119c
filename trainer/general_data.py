"""What a general network is fitted on: the features in common, and every channel's rows."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.positions import common_features
from edge_agent.calibration.prepare import Prepared
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.features import FeatureExtractor, FeatureSpec, installed_spec
from edge_agent.plugin import FeatureError, FeatureInput
from trainer.recipe import Recipe


def choose_features(
    recipe: Recipe, every: Sequence[Series]
) -> tuple[tuple[str, ...], tuple[FeatureSpec, ...], tuple[str, ...]]:
    """Return the features that a general network can take, what computes them, what is left out.

    Those that every channel has; where samples are among the data only those of plugins all of
    whose numbers every channel has, as a gateway computes all of a plugin's or none. Without
    plugins for all of them, as from tables alone may be, no asset with samples can be
    commissioned.

    Raises:
        DataError: there is none.
    """
    common, left_out = common_features(every)
    sampled = next((s for s in every if s.input.kind == "samples"), None)
    if sampled is not None:
        given, candidates = sampled.input.feature_input(), sampled.features
    else:
        given = FeatureInput(recipe.window.length, None, None, ("x",))
        candidates = tuple(installed_spec(p.plugin, p.options) for p in recipe.features.plugins)
    plugins, computed = list[FeatureSpec](), list[str]()
    for plugin in candidates:
        outputs = _outputs(plugin, given)
        if outputs and all(output in common for output in outputs):
            plugins.append(plugin)
            computed += outputs
    rest = tuple(f for f in common if f not in computed)
    if sampled is None and rest:
        return common, (), left_out
    if not computed:
        raise DataError(
            f"no plugin computes only features in common ({', '.join(common)}), allowed: at least"
            " one where an asset comes as samples"
        )
    return tuple(computed), tuple(plugins), (*left_out, *rest)


def fit_arrays(
    every: Sequence[Prepared], validation_share: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[slice]]:
    """Put the fitted windows of all channels one after the other.

    The fit holds back the latest rows for validation: so the latest share of every channel comes
    at the end, in segments of its own.

    Returns:
        Inputs float32 (n, F), targets float32 (n, targets), and segments.
    """
    fitting, validating = list[tuple[int, slice]](), list[tuple[int, slice]]()
    for i, ready in enumerate(every):
        cut = ready.fitted - round(validation_share * ready.fitted)
        for segment in ready.segments():
            middle = min(max(segment.start, cut), segment.stop)
            fitting.append((i, slice(segment.start, middle)))
            validating.append((i, slice(middle, segment.stop)))
    parts = [(every[i], s) for i, s in (*fitting, *validating) if s.stop > s.start]
    edges = np.cumsum([0, *(s.stop - s.start for _, s in parts)]).tolist()
    return (
        np.concatenate([ready.seen[s] for ready, s in parts]),
        np.concatenate([ready.scaled[s, list(ready.targets)] for ready, s in parts]),
        [slice(a, b) for a, b in pairwise(edges)],
    )


def _outputs(plugin: FeatureSpec, given: FeatureInput) -> tuple[str, ...]:
    """Return the names of a plugin's numbers, none where it cannot work on such windows."""
    channel = given.channels[0]
    one = FeatureInput(given.length, given.rate_hz, given.unit, (channel,))
    try:
        names = FeatureExtractor((plugin,), one).names
    except FeatureError:
        return ()
    return tuple(name.removeprefix(f"{channel}_") for name in names)
