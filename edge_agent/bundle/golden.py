"""Golden vectors: what the trainer saw, for the gateway to see again before it trusts a bundle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle.archive import ArchiveError
from edge_agent.bundle.arrays import read_arrays, write_arrays
from edge_agent.pipeline.flow import Flow, WindowResult
from edge_agent.pipeline.window import Window

FEATURE_TOLERANCE = 1e-4  # relative; sums in float32 differ by machine
SCORE_TOLERANCE = 1e-4  # relative; the same model differs by 1e-6 between runtimes and machines
LIMIT_BYTES = 16 << 20

_DTYPES = {
    "samples": np.dtype("<f4"),
    "at": np.dtype("<i8"),
    "vectors": np.dtype("<f4"),
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
        scores: smoothed scores, float64 (m,), NaN where a window is not scored.
        level_scores: the level detector's, float64 (m,), NaN where there is none.
        anomaly: whether an alarm is open after each, bool (m,).
    """

    samples: NDArray[np.float32]
    at: NDArray[np.int64]
    vectors: NDArray[np.float32]
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
        and len(golden.samples) == len(golden.at)
        and golden.scores.shape == golden.level_scores.shape == golden.anomaly.shape == (m,)
        and bool(((golden.at >= 0) & (golden.at < m)).all())
    )
    if not fits:
        raise GoldenError("golden.npz: arrays of shapes that do not fit together")
    return golden


def make_golden(
    flow: Flow, vectors: NDArray[np.float32], windows: Sequence[tuple[int, Window]]
) -> Golden:
    """Record what a fresh ``flow`` makes of ``vectors``, float32 (m, F).

    Args:
        flow: without history.
        vectors: should lead from washout into an alarm.
        windows: raw windows that ``vectors`` at these positions were computed from.
    """
    raw = dict(windows)
    length, channels = flow.spec.input.length, len(flow.spec.input.channels)
    results = _run(flow, vectors, lambda i: raw.get(i))
    return Golden(
        samples=np.array([w.samples for _, w in windows], dtype=np.float32).reshape(
            len(windows), length, channels
        ),
        at=np.array([i for i, _ in windows], dtype=np.int64),
        vectors=np.array([r.vector for r in results], dtype=np.float32),
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
    if not golden.anomaly.any() or golden.anomaly.all():
        raise GoldenError("golden.npz: shows no alarm or no quiet, allowed: both")
    raw = dict(zip(golden.at.tolist(), golden.samples, strict=True))

    def window(i: int) -> Window | None:
        return Window(raw[i], i, i + 1, gap=False, clipped=False) if i in raw else None

    for i, result in enumerate(_run(flow, golden.vectors, window)):
        if result.vector is None:
            raise GoldenError(f"golden window {i}: {result.detail}")
        worst = _difference(result.vector, golden.vectors[i])
        if worst.max() > FEATURE_TOLERANCE:
            j = int(worst.argmax())
            raise GoldenError(
                f"golden window {i}: feature {flow.feature_names[j]} is {result.vector[j]:g},"
                f" expected {golden.vectors[i, j]:g}"
            )
        for kind, found, expected in (
            ("score", result.score, golden.scores[i]),
            ("level score", result.level_score, golden.level_scores[i]),
        ):
            value = np.nan if found is None else found
            same = np.isnan(value) == np.isnan(expected)
            if not same or np.nan_to_num(_difference(value, expected)) > SCORE_TOLERANCE:
                raise GoldenError(f"golden window {i}: {kind} is {value:g}, expected {expected:g}")
        if result.anomaly != golden.anomaly[i]:
            raise GoldenError(
                f"golden window {i}: alarm is {'open' if result.anomaly else 'closed'},"
                " expected the opposite"
            )


def _run(
    flow: Flow, vectors: NDArray[np.float32], window: Callable[[int], Window | None]
) -> list[WindowResult]:
    results = []
    for i, vector in enumerate(vectors):
        raw = window(i)
        results.append(flow.push_vector(vector, i, i + 1) if raw is None else flow.push_window(raw))
    return results


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _difference(
    a: NDArray[np.floating] | float, b: NDArray[np.floating] | float
) -> NDArray[np.float64]:
    """Relative difference, absolute below 1e-3 of the unit where relative means nothing."""
    wide_a, wide_b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.abs(wide_a - wide_b) / np.maximum(np.abs(wide_b), 1e-3)
