"""Choosing among networks by their validation loss, as some publications do."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.fit.batches import FitError
from trainer.fit.fit import fit_network
from trainer.fit.loop import Progress
from trainer.fit.spec import FitSpec
from trainer.networks import FittedNetwork, NetworkSpec, Trial


class SearchSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values to try beside each other; empty: only that of the network or the fit.

    Attributes:
        units: of the network.
        learning_rate: of the fit.
        batch_size: of the fit.
    """

    units: tuple[tuple[int, ...], ...] = ()
    learning_rate: tuple[float, ...] = ()
    batch_size: tuple[int, ...] = ()


def fit_best(
    spec: NetworkSpec,
    fit: FitSpec,
    search: SearchSpec,
    inputs: NDArray[np.float32],
    targets: NDArray[np.float32],
    segments: Sequence[slice],
    progress: Progress | None = None,
) -> FittedNetwork:
    """Fit a network with each combination of values; return that of the least validation loss.

    Lower validation loss is not better detection; this is for systems that were published so.
    All combinations are fitted with the same seed and judged by the same rows. A search that
    names no values is ``fit_network``.

    Raises:
        FitError: nothing is held back to judge by, or as ``fit_network`` does.
    """
    if search == SearchSpec():
        return fit_network(spec, fit, inputs, targets, segments, progress)
    if fit.validation_share == 0.0:
        raise FitError("a search needs a validation_share: it chooses by the validation loss")
    fitted: list[FittedNetwork] = []
    trials: list[Trial] = []
    for units, rate, size in product(
        search.units or (spec.units,),
        search.learning_rate or (fit.learning_rate,),
        search.batch_size or (fit.batch_size,),
    ):
        network = fit_network(
            msgspec.structs.replace(spec, units=units),
            msgspec.structs.replace(fit, learning_rate=rate, batch_size=size),
            inputs,
            targets,
            segments,
            progress,
        )
        loss = network.history.val_loss[network.history.best_epoch]
        fitted.append(network)
        trials.append(Trial(units=units, learning_rate=rate, batch_size=size, val_loss=loss))
    best = fitted[int(np.argmin([trial.val_loss for trial in trials]))]
    return replace(best, history=msgspec.structs.replace(best.history, trials=tuple(trials)))
