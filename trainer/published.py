"""Faults of published systems, to reproduce published figures with; all off by default.

None of them is possible on a gateway, which has not seen what is to come and knows no labels: they
act in the trainer, and what they make of a bundle is judged too well.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import Calibration, ThresholdChoice
from edge_agent.calibration.prepare import Prepared, prepare
from edge_agent.calibration.series import DataError, Series
from edge_agent.calibration.threshold import choose_threshold
from edge_agent.pipeline.gate import Gate
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.scaler import Scaler
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.threshold import ThresholdSpec
from trainer.evaluate import run
from trainer.fit import FitSpec
from trainer.metrics.point import best_f1
from trainer.networks import NetworkSpec


class PublishedFaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which faults a recipe's publication has; those of other publications are None.

    Attributes:
        scaler_sees_everything: the scaler is fitted on the whole recording.
        first_row_lost: of every file of samples the first row is taken for a header.
        unroll_last_step_only: of the window the network is given the last vector only.
        validation_is_test: the validation loss of each epoch is that of what comes after the
            healthy part, on which the network is judged.
        threshold_on_test: the threshold is chosen from the scores of the whole recording, with
            the anomalies in it.
        threshold_by_labels: the threshold is the one of the best F1, window by window, for the
            labels that it is judged by.
    """

    scaler_sees_everything: bool | None = None
    first_row_lost: bool | None = None
    unroll_last_step_only: bool | None = None
    validation_is_test: bool | None = None
    threshold_on_test: bool | None = None
    threshold_by_labels: bool | None = None

    def on(self, names: tuple[str, ...]) -> "PublishedFaults":
        """Return these with the faults ``names`` switched on.

        Raises:
            ValueError: the publication does not have one of them.
        """
        known = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        for name in names:
            if name not in known:
                allowed = ", ".join(known) or "none"
                raise ValueError(f"published fault {name!r}, allowed for this recipe: {allowed}")
        return msgspec.structs.replace(self, **dict.fromkeys(names, True))


def network_as_published(faults: PublishedFaults, network: NetworkSpec) -> NetworkSpec:
    """Return ``network`` as the publication's fault makes it."""
    if not faults.unroll_last_step_only:
        return network
    return msgspec.structs.replace(network, window_length=1)


def scaled_as_published(
    faults: PublishedFaults, choice: Calibration, series: Series, ready: Prepared
) -> Prepared:
    """Return ``ready`` with the scaler that the publication's fault makes.

    Raises:
        DataError: the recipe's scaler does more than shift and stretch.
    """
    if not faults.scaler_sees_everything:
        return ready
    scaler = prepare(choice, series, (0, len(series.vectors))).scaler
    if set(scaler.transform) | set(ready.scaler.transform) != {"identity"}:
        raise DataError("scaler_sees_everything goes with scaler.transform 'identity' only")
    plain = ready.scaled * np.array(ready.scaler.scale) + np.array(ready.scaler.offset)
    scaled = (plain - np.array(scaler.offset)) / np.array(scaler.scale)
    scaled = scaled.astype(np.float32)
    return replace(ready, scaler=scaler, scaled=scaled, seen=Scaler(scaler).clip(scaled))


@dataclass(frozen=True, slots=True)
class FitRows:
    """What a network is fitted on.

    Attributes:
        fit: how; its ``validation_share`` are the latest of the rows.
        inputs: float32 (n, watched).
        targets: float32 (n, targets).
        segments: runs of rows without a gap between them.
    """

    fit: FitSpec
    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    segments: list[slice]


def fit_rows_as_published(
    faults: PublishedFaults,
    choice: Calibration,
    wanted: tuple[NetworkSpec, FitSpec],
    series: Series,
    ready: Prepared,
    healthy: tuple[int, int],
) -> FitRows:
    """Return the rows to fit on, with what is judged held back where the fault does so.

    Args:
        faults: of the publication.
        choice: how windows are prepared.
        wanted: the network, and how it is fitted.
        series: the whole recording.
        ready: its healthy windows.
        healthy: windows [first, last) of the recording.

    Raises:
        DataError: too little comes after the healthy part, or the recipe does more to a window
            than to scale it.
    """
    network, fit = wanted
    n, columns = ready.fitted, list(ready.targets)
    learned = FitRows(fit, ready.seen[:n], ready.scaled[:n, columns], ready.segments())
    if not faults.validation_is_test:
        return learned
    if (choice.denoise, ready.regime, ready.season) != (None, None, None):
        raise DataError("validation_is_test goes without season, regimes and denoising only")
    scaled, later = _judged(series, ready, healthy[1])
    before = network.window_length - 1 + fit.lookahead  # rows of a run that are no target
    counted = [
        sum(max(0, run.stop - run.start - before) for run in runs)
        for runs in (learned.segments, later)
    ]
    if not all(counted):
        raise DataError(
            f"validation_is_test: {len(scaled)} windows behind {healthy[0]}:{healthy[1]} are"
            f" neither idle nor invalid, allowed: more than {before} in a row"
        )
    return FitRows(
        msgspec.structs.replace(fit, validation_share=counted[1] / sum(counted)),
        np.concatenate((learned.inputs, Scaler(ready.scaler).clip(scaled))),
        np.concatenate((learned.targets, scaled[:, columns])),
        [*learned.segments, *(slice(run.start + n, run.stop + n) for run in later)],
    )


def _judged(series: Series, ready: Prepared, first: int) -> tuple[NDArray[np.float32], list[slice]]:
    """Return the windows from ``first`` on that are valid and not idle, scaled, and their runs."""
    gate, vectors = Gate(ready.gate), series.vectors
    usable = [
        i
        for i in range(first, len(vectors))
        if np.isfinite(vectors[i]).all() and not gate.is_idle(vectors[i], 0)
    ]
    rows = np.array(usable, dtype=np.intp)
    breaks = np.flatnonzero(series.gap[rows[1:]] | (np.diff(rows) != 1)) + 1
    runs = [slice(a, b) for a, b in pairwise([0, *breaks.tolist(), len(rows)])]
    return Scaler(ready.scaler).scale(vectors[rows]), runs


def threshold_as_published(
    faults: PublishedFaults,
    how: ThresholdChoice,
    found: FlowSpec,
    model: AnyModel,
    tested: Series,
    labels: NDArray[np.bool_] | None = None,
) -> FlowSpec:
    """Return ``found`` with the threshold that the publication's fault makes.

    Args:
        faults: of the publication.
        how: its threshold is chosen.
        found: the flow, with the threshold that its healthy windows give.
        model: its network.
        tested: the whole recording.
        labels: which of its windows are anomalous, bool (n,), where anybody knows.

    Raises:
        DataError: nothing was scored, or there are no labels to choose by.
    """
    if not (faults.threshold_on_test or faults.threshold_by_labels):
        return found
    scores = np.array(
        [np.nan if r.score is None else r.score for r in run(found, model, tested)], np.float64
    )
    try:
        if faults.threshold_by_labels:
            threshold = _of_best_f1(scores, labels)
        else:
            scored = scores[~np.isnan(scores)]
            threshold = choose_threshold(scored, how.method, how.parameter)
    except ValueError as error:
        name = "threshold_by_labels" if faults.threshold_by_labels else "threshold_on_test"
        raise DataError(f"{name}: {error}") from error
    # what was foreseen is of the other one
    return msgspec.structs.replace(found, threshold=threshold, budget=None)


def _of_best_f1(scores: NDArray[np.float64], labels: NDArray[np.bool_] | None) -> ThresholdSpec:
    """Return the threshold half way between the lowest detection of the best F1 and what is below.

    Raises:
        ValueError: there are no labels, or they are all alike (MetricError).
    """
    if labels is None:
        raise ValueError("there are no labels to choose by, allowed: with a file of --labels")
    reached, lowest = best_f1(labels, scores)
    below = scores[scores < lowest]
    value = (lowest + (below.max() if len(below) else 0.0)) / 2.0
    plain = choose_threshold(scores[~np.isnan(scores)], "fixed", float(value))
    return msgspec.structs.replace(plain, method="best_f1", parameter=reached)
