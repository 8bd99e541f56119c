"""Golden vectors: what the trainer saw, for the gateway to see again before it trusts a bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle.archive import ArchiveError
from edge_agent.bundle.arrays import read_arrays, write_arrays
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.window import Window

FEATURE_TOLERANCE = 1e-4  # relative; sums in float32 differ by machine
# Of score or threshold. Floats differ by 1e-6 between runtimes and machines; where numbers are
# rounded to integers on the way, one that lies on the edge may go either way.
SCORE_TOLERANCE = {
    "none": 1e-4,
    "float32": 1e-4,
    "float16": 1e-4,
    "dynamic": 5e-3,
    "int8": 2e-2,
}
LIMIT_BYTES = 16 << 20

_DTYPES: dict[str, np.dtype[Any]] = {
    "samples": np.dtype("<f4"),
    "at": np.dtype("<i8"),
    "vectors": np.dtype("<f4"),
    "start_ns": np.dtype("<i8"),
    "scores": np.dtype("<f8"),
    "level_scores": np.dtype("<f8"),
    "anomaly": np.dtype("|b1"),
}


class GoldenError(ValueError):
    """The golden vectors are damaged, or this machine computes other numbers from them."""


@dataclass(frozen=True, slots=True)
class Golden:
    """A short history and what must come of it.

    Attributes:
        samples: raw windows, float32 (k, length, channels); k is 0 for feature input.
        at: the position in ``vectors`` that each raw window belongs to, int64 (k,).
        vectors: feature vectors in order, float32 (m, F).
        start_ns: when their windows began, int64 (m,), UTC nanoseconds.
        scores: smoothed scores, float64 (m,), NaN where a window is not scored.
        level_scores: the level detector's, float64 (m,), NaN where there is none.
        anomaly: whether an alarm is open after each, bool (m,).
    """

    samples: NDArray[np.float32]
    at: NDArray[np.int64]
    vectors: NDArray[np.float32]
    start_ns: NDArray[np.int64]
    scores: NDArray[np.float64]
    level_scores: NDArray[np.float64]
    anomaly: NDArray[np.bool_]

    def encode(self) -> bytes:
        """Return the content of ``golden.npz``."""
        return write_arrays({name: getattr(self, name).astype(t) for name, t in _DTYPES.items()})


def decode_golden(content: bytes) -> Golden:
    """Return the golden vectors in ``content``.

    Raises:
        GoldenError: damaged, or arrays that do not fit together.
    """
    try:
        golden = Golden(**read_arrays(content, _DTYPES, LIMIT_BYTES))
    except ArchiveError as error:
        raise GoldenError(f"golden.npz: {error}") from error
    m = len(golden.vectors)
    fits = (
        golden.samples.ndim == 3  # noqa: PLR2004 - windows, samples, channels
        and golden.vectors.ndim == 2  # noqa: PLR2004
        and len(golden.samples) == len(golden.at) == len(set(golden.at.tolist()))
        and golden.start_ns.shape
        == golden.scores.shape
        == golden.level_scores.shape
        == golden.anomaly.shape
        == (m,)
        and bool(((golden.at >= 0) & (golden.at < m)).all())
    )
    if not fits:
        raise GoldenError("golden.npz: arrays of shapes that do not fit together")
    return golden


def make_golden(
    flow: Flow,
    vectors: NDArray[np.float32],
    start_ns: NDArray[np.int64],
    windows: Sequence[tuple[int, Window]],
) -> Golden:
    """Record what a fresh ``flow`` makes of ``vectors``, float32 (m, F).

    Args:
        flow: without history.
        vectors: should lead from washout into an alarm.
        start_ns: when their windows began, int64 (m,).
        windows: raw windows that ``vectors`` at these positions were computed from.
    """
    raw = {i: window.samples for i, window in windows}
    length, channels = flow.spec.input.length, len(flow.spec.input.channels)
    results = _run(flow, vectors, start_ns, raw)
    return Golden(
        samples=np.array([w.samples for _, w in windows], dtype=np.float32).reshape(
            len(windows), length, channels
        ),
        at=np.array([i for i, _ in windows], dtype=np.int64),
        vectors=np.array([r.vector for r in results], dtype=np.float32),
        start_ns=np.asarray(start_ns, dtype=np.int64),
        scores=_numbers([r.score for r in results]),
        level_scores=_numbers([r.level_score for r in results]),
        anomaly=np.array([r.anomaly for r in results], dtype=np.bool_),
    )


def check_golden(flow: Flow, golden: Golden) -> None:
    """Replay ``golden`` through a fresh ``flow``.

    Raises:
        GoldenError: a feature, score or alarm differs; the message says which, where and by how
            much.
    """
    expected_shape = (flow.spec.input.length, len(flow.spec.input.channels))
    if golden.vectors.shape[1] != len(flow.feature_names) or (
        len(golden.samples) and golden.samples.shape[1:] != expected_shape
    ):
        raise GoldenError("golden.npz: vectors or windows of another size than the manifest's")
    if flow.spec.input.kind == "samples" and not len(golden.samples):
        raise GoldenError("golden.npz: holds no raw window to compute features from")
    if not golden.anomaly.any() or golden.anomaly.all():
        raise GoldenError("golden.npz: shows no alarm or no quiet, allowed: both")
    raw = dict(zip(golden.at.tolist(), golden.samples, strict=True))
    least = _least(golden.vectors)
    for i, result in enumerate(_run(flow, golden.vectors, golden.start_ns, raw)):
        try:
            _check_features(flow, result, golden.vectors[i], least)
            _check_scores(flow, result, golden.scores[i], golden.level_scores[i])
        except GoldenError as error:
            raise GoldenError(f"golden window {i}: {error}") from error
        if result.anomaly != golden.anomaly[i]:
            raise GoldenError(
                f"golden window {i}: alarm is {'open' if result.anomaly else 'closed'},"
                " expected the opposite"
            )


def _least(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sizes of the features, float64 (F,), below which a relative difference means nothing.

    A kurtosis that happens to be near 0 is a difference of larger numbers, whose rounding it has.
    """
    sizes: NDArray[np.float64] = np.quantile(np.nan_to_num(np.abs(vectors)), 0.2, axis=0)
    return sizes


def _check_features(
    flow: Flow, result: WindowResult, expected: NDArray[np.float32], least: NDArray[np.float64]
) -> None:
    if result.vector is None:
        raise GoldenError(result.detail)
    close = _close(result.vector, expected, FEATURE_TOLERANCE, least)
    if not close.all():
        j = int(np.argmin(close))
        raise GoldenError(
            f"feature {flow.feature_names[j]} is {result.vector[j]:g}, expected {expected[j]:g}"
        )


def _check_scores(flow: Flow, result: WindowResult, score: float, level_score: float) -> None:
    tolerance = SCORE_TOLERANCE[flow.spec.model.quantization]
    for kind, found, expected, threshold in (
        ("score", result.score, score, result.threshold),
        ("level score", result.level_score, level_score, result.level_threshold),
    ):
        value = np.nan if found is None else found
        if not _close(value, expected, tolerance, threshold or 0.0).all():
            raise GoldenError(f"{kind} is {value:g}, expected {expected:g}")


def _run(
    flow: Flow,
    vectors: NDArray[np.float32],
    start_ns: NDArray[np.int64],
    raw: Mapping[int, NDArray[np.float32]],
) -> list[WindowResult]:
    results = []
    for i, (vector, start) in enumerate(zip(vectors, start_ns.tolist(), strict=True)):
        if i in raw:
            window = Window(raw[i], start, start + 1, gap=False, clipped=False)
            results.append(flow.push_window(window))
        else:
            results.append(flow.push_vector(vector, start, start + 1))
    return results


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _close(
    found: NDArray[Any] | float,
    expected: NDArray[Any] | float,
    tolerance: float,
    least: NDArray[Any] | float,
) -> NDArray[np.bool_]:
    """Whether numbers agree to ``tolerance``, of themselves or of ``least`` if that is larger."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    near = np.abs(a - b) <= tolerance * np.maximum(np.abs(b), least)
    return np.asarray(near | (np.isnan(a) & np.isnan(b)))
