"""A finished bundle on a recording: the gateway's own code, judged beside the plain methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.bundle.loaded import LoadedBundle
from edge_agent.bundle.replay import expected_windows, replay
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.recordings import Recording
from trainer.baselines import baseline_watches
from trainer.confirmed import kept_out
from trainer.data import Progress
from trainer.evaluate import Evaluation, count_reasons
from trainer.labels import read_labels
from trainer.metrics import DEFAULT_BUFFER
from trainer.outcome import (
    Truth,
    Watch,
    known_watch,
    measure_all,
    part_watches,
    random_watch,
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the user knows of the recording.

    Attributes:
        healthy: windows [first, last) that are known to be healthy.
        healthy_recording: that they are counted in, None where it is the one to be judged on.
        labels: file of labels.
        label_key: of the series in it.
        fpt: window of the first prediction time.
        buffer: tolerance of VUS in windows.
    """

    healthy: tuple[int, int] | None = None
    healthy_recording: Recording | None = None
    labels: Path | None = None
    label_key: str | None = None
    fpt: int | None = None
    buffer: int = DEFAULT_BUFFER

    def truth(self, recording: Recording, series: Series) -> Truth:
        """Read the labels and hold everything against the recording's windows.

        Raises:
            DataError: a window outside the recording.
            LabelError: see ``read_labels``.
        """
        here = self.healthy if self.healthy_recording is None else None
        check_healthy(here, recording, len(series.vectors))
        if self.fpt is not None and self.fpt >= len(series.vectors):
            raise DataError(
                f"{recording.path}: --fpt is {self.fpt}, allowed: 0 to {len(series.vectors) - 1},"
                " its windows"
            )
        labels = None
        if self.labels is not None:
            labels = read_labels(self.labels, recording, series, self.label_key)
        confirmed = kept_out(recording.path, series)
        return Truth(series, here, labels, self.fpt, self.buffer, confirmed)

    def quiet(self, recording: Recording, series: Series) -> Truth:
        """Hold the healthy part against the windows of the recording that it counts in.

        Raises:
            DataError: a window outside the recording.
        """
        check_healthy(self.healthy, recording, len(series.vectors))
        return Truth(series, self.healthy, confirmed=kept_out(recording.path, series))


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement, with what it rests on.

    Attributes:
        evaluation: of the bundle and of the plain methods beside it.
        results: what the bundle said of each window.
        truth: what is known of the recording, with its vectors.
        watches: the bundle and the plain methods.
        quiet: what is known of the recording with the healthy part; None where there is none.
    """

    evaluation: Evaluation
    results: Sequence[WindowResult]
    truth: Truth
    watches: Mapping[str, Watch]
    quiet: Truth | None


def check_healthy(healthy: tuple[int, int] | None, recording: Recording, windows: int) -> None:
    """Refuse a healthy part that is not in the recording. Raises DataError."""
    if healthy is not None and healthy[1] > windows:
        raise DataError(
            f"{recording.path}: --healthy is {healthy[0]}:{healthy[1]},"
            f" allowed: within 0:{windows}, its windows"
        )


def evaluate_bundle(
    loaded: LoadedBundle,
    recording: Recording,
    known: Known,
    progress: Progress = lambda _done, _all: None,
) -> Judged:
    """Replay ``recording`` from a fresh start and judge what came of it.

    Args:
        loaded: the bundle.
        recording: to judge on; the bundle need not have seen it.
        known: of it. With a healthy part the plain methods are fitted to it and judged alike.
        progress: called after each replayed window with how many are done, and of how many.

    Raises:
        ReplayError: a recording is not what the bundle was made for.
        DataError, LabelError, MetricError: what is known does not fit the recording.
    """
    spec = loaded.manifest.flow
    results, series = _replayed(loaded, recording, progress)
    truth = known.truth(recording, series)
    watches: dict[str, Watch] = {
        "all": known_watch(spec, loaded.model, series, results),
        **part_watches(spec, loaded.model),
    }
    elsewhere, quiet = known.healthy_recording, None
    if known.healthy is not None:
        quiet = truth
        if elsewhere is not None:
            quiet = known.quiet(elsewhere, _replayed(loaded, elsewhere, progress)[1])
        watches |= baseline_watches(quiet.learnable, known.healthy)
    if truth.labels is not None:
        watches["random"] = random_watch()
    evaluation = Evaluation(
        windows=len(results),
        scored=sum(r.score is not None for r in results),
        not_scored=count_reasons(results),
        healthy=known.healthy,
        verdicts=measure_all(watches, truth, None if elsewhere is None else quiet),
        parity=None,
        labelled_rows=None if truth.labels is None else int(truth.labels.sum()),
        buffer=known.buffer,
        confirmed_left_out=None if quiet is None else quiet.left_out,
    )
    return Judged(evaluation, results, truth, watches, quiet)


def _replayed(
    loaded: LoadedBundle, recording: Recording, progress: Progress
) -> tuple[list[WindowResult], Series]:
    results = []
    total = expected_windows(loaded.manifest.flow.input, recording)
    for result in replay(loaded, recording):
        results.append(result)
        progress(len(results), total)
    if not results:
        raise DataError(f"{recording.path}: no window found, allowed: at least one")
    return results, _series(results, loaded.manifest.flow)


def _series(results: Sequence[WindowResult], spec: FlowSpec) -> Series:
    missing = np.full(len(spec.feature_names), np.nan, dtype=np.float32)
    rows = [missing if r.vector is None else r.vector for r in results]
    return Series(
        input=spec.input,
        features=spec.features,
        names=spec.feature_names,
        vectors=np.array(rows, dtype=np.float32),
        start_ns=np.array([r.start_ns for r in results], dtype=np.int64),
        end_ns=np.array([r.end_ns for r in results], dtype=np.int64),
        gap=np.array([r.gap for r in results], dtype=np.bool_),
    )
