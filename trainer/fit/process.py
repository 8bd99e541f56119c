"""Fitting in the process that has TensorFlow."""

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from trainer.fit.batches import FitError
from trainer.fit.loop import Progress
from trainer.fit.search import SearchSpec
from trainer.fit.spec import FitSpec
from trainer.networks import FittedNetwork, NetworkSpec
from trainer.tensorflow_process import ProcessError, TensorFlowProcess

_Rows = NDArray[np.float32]


def fit_in_child(
    spec: NetworkSpec,
    fit: FitSpec,
    inputs: _Rows,
    targets: _Rows,
    segments: Sequence[slice],
    progress: Progress | None = None,
    search: SearchSpec | None = None,
    process: TensorFlowProcess | None = None,
) -> FittedNetwork:
    """Do what ``fit_best`` does, which is ``fit_network`` without a search, in another process.

    Args:
        spec: as there.
        fit: as there.
        inputs: as there.
        targets: as there.
        segments: as there.
        progress: as there.
        search: as there.
        process: where; None: in one of its own.

    Raises:
        FitError: as ``fit_best`` does, and where the process ended without a word.
    """
    work = (spec, fit, search or SearchSpec(), inputs, targets, list(segments))
    with TensorFlowProcess() if process is None else nullcontext(process) as where:
        try:
            fitted: FittedNetwork = where.call(
                "trainer.fit.search:fit_best",
                *work,
                refused=FitError,
                report=progress or (lambda *_: None),
            )
        except ProcessError as error:
            raise FitError(f"the process that fits the network {error}") from error
    return fitted
