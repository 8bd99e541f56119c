"""From healthy windows and an exported network to every number that decides on an alarm."""

from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.denoise import Denoiser, DenoiseSpec
from edge_agent.pipeline.gate import Gate, GateSpec
from edge_agent.pipeline.level import LevelDetector, LevelSpec, levels
from edge_agent.pipeline.model import Model, predictor
from edge_agent.pipeline.scaler import (
    LEAST_LOG_SCALE,
    Scaler,
    ScalerSpec,
    fit_scaler,
    robust_location_scale,
)
from edge_agent.pipeline.scorer import Scorer, ScorerSpec
from edge_agent.pipeline.smoothing import Ewma
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.threshold import ThresholdSpec, choose_threshold
from trainer.data import DataError, Series
from trainer.kinds import level_columns, target_columns, unscaled
from trainer.recipe import Recipe

_LEAST_WINDOWS = 20  # fewer tell nothing about a spread


@dataclass(frozen=True, slots=True)
class Prepared:
    """Healthy windows ready for the network.

    Attributes:
        rows: positions in the series of the windows used (not idle, all finite), int (n,).
        after_gap: windows are missing before this one, as at the first, bool (n,).
        vectors: their feature vectors as computed, float32 (n, F).
        scaled: denoised and scaled, float32 (n, F).
        seen: what the network sees of them, float32 (n, F).
        fitted: how many of them, the earliest, the network may be fitted on.
        gate: idle levels.
        scaler: fitted.
        targets: indices of the features to predict.
    """

    rows: NDArray[np.intp]
    after_gap: NDArray[np.bool_]
    vectors: NDArray[np.float32]
    scaled: NDArray[np.float32]
    seen: NDArray[np.float32]
    fitted: int
    gate: GateSpec | None
    scaler: ScalerSpec
    targets: tuple[int, ...]

    def segments(self) -> list[slice]:
        """Return the runs of the fitted windows without a gap between them."""
        breaks = np.flatnonzero(self.after_gap[1 : self.fitted]) + 1
        edges = [0, *breaks.tolist(), self.fitted]
        return [slice(a, b) for a, b in pairwise(edges)]


def prepare(recipe: Recipe, series: Series, healthy: tuple[int, int]) -> Prepared:
    """Pick, denoise and scale the healthy windows [first, last) of ``series``.

    Raises:
        DataError: the range is outside the recording or leaves too few windows.
    """
    first, last = healthy
    if not 0 <= first < last <= len(series.vectors):
        raise DataError(
            f"healthy is {first}:{last}, allowed: within 0:{len(series.vectors)}, the first before"
            " the last"
        )
    finite = np.flatnonzero(np.isfinite(series.vectors[first:last]).all(axis=1)) + first
    gate = _fit_gate(recipe, series.names, series.vectors[finite])
    # one window at a time: however long the machine rests, that is not how it runs
    rows = np.array(
        [i for i in finite if not Gate(gate).is_idle(series.vectors[i], 0)], dtype=np.intp
    )
    if len(rows) < _LEAST_WINDOWS:
        raise DataError(
            f"healthy is {first}:{last} with {len(rows)} windows that are neither idle nor invalid,"
            f" allowed: at least {_LEAST_WINDOWS}"
        )
    raw = series.vectors[rows]
    vectors = raw if recipe.denoise is None else _denoised(recipe.denoise, raw)
    plain = unscaled(recipe, series.names, vectors)
    scaler = fit_scaler(vectors, plain, widen=1.0 + recipe.scaler.widen_windows / len(rows))
    scaled = Scaler(scaler).scale(vectors)
    return Prepared(
        rows=rows,
        after_gap=series.gap[rows] | (np.diff(rows, prepend=-2) != 1),
        vectors=raw,
        scaled=scaled,
        seen=Scaler(scaler).clip(scaled),
        fitted=len(rows) - round(recipe.held_out_share * len(rows)),
        gate=gate,
        scaler=scaler,
        targets=target_columns(recipe, series.names),
    )


def calibrate(recipe: Recipe, series: Series, ready: Prepared, model: Model) -> FlowSpec:
    """Choose scorer, threshold and level from the exported network's own residuals.

    Raises:
        DataError: no threshold can be chosen from the healthy scores.
    """
    rows, residuals = _residuals(model, ready)
    washout = min(model.spec.washout, len(residuals) // 4)
    scorer = _fit_scorer(recipe, np.concatenate(residuals[washout:]))
    scores = _smoothed(recipe, Scorer(scorer), residuals)
    held_out = scores[max(washout, int(np.searchsorted(rows, ready.fitted))) :]
    threshold = _threshold(recipe, scores[washout:], held_out, len(ready.rows))
    return FlowSpec(
        input=series.input,
        features=series.features,
        feature_names=series.names,
        gate=ready.gate,
        denoise=recipe.denoise,
        scaler=ready.scaler,
        model=model.spec,
        scorer=scorer,
        smoothing=recipe.smoothing,
        threshold=threshold,
        alarm=_alarm(recipe, scores[washout:], threshold),
        level=_fit_level(recipe, series.names, ready),
    )


def _fit_gate(
    recipe: Recipe, names: tuple[str, ...], vectors: NDArray[np.float32]
) -> GateSpec | None:
    columns = _alive(level_columns(names), vectors)
    if recipe.gate is None or not columns:
        return None
    idle = recipe.gate.idle_share * np.median(np.abs(vectors[:, columns]), axis=0)
    return GateSpec(
        features=columns,
        idle_levels=tuple(float(v) for v in idle),
        limit_s=recipe.gate.limit_s,
    )


def _alive(columns: tuple[int, ...], vectors: NDArray[np.float32]) -> tuple[int, ...]:
    """Return the level columns of channels that are not dead.

    A dead channel is never below its level of 0, which would keep the machine from ever resting.
    """
    return tuple(i for i in columns if len(vectors) and np.median(np.abs(vectors[:, i])) > 0.0)


def _denoised(spec: DenoiseSpec, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    denoiser = Denoiser(spec, vectors.shape[1])
    return np.array([denoiser.push(v) for v in vectors], dtype=np.float32)


def _residuals(model: Model, ready: Prepared) -> tuple[NDArray[np.intp], list[NDArray[np.float32]]]:
    """Run the network over the healthy windows from zero state.

    Returns:
        Positions in ``ready`` and their residuals; those of windows after a gap are left out, as
        the gateway does not score them.
    """
    runner = predictor(model, ready.scaled.shape[1])
    positions, residuals = [], []
    for i, (scaled, seen) in enumerate(zip(ready.scaled, ready.seen, strict=True)):
        residual = runner.push(scaled, seen)
        if residual is not None and not ready.after_gap[i]:
            positions.append(i)
            residuals.append(residual)
    if not residuals:
        raise DataError(f"none of {len(ready.rows)} healthy windows could be scored")
    return np.array(positions, dtype=np.intp), residuals


def _fit_scorer(recipe: Recipe, residuals: NDArray[np.float32]) -> ScorerSpec:
    choice = recipe.scorer
    if choice.kind != "mahalanobis":
        return ScorerSpec(kind=choice.kind)
    _, scale = robust_location_scale(residuals.astype(np.float64))
    scale = np.maximum(scale, choice.scale_floor)
    n, d = residuals.shape
    u = np.clip(residuals / scale, -4.0, 4.0)  # a few wild windows must not shape the correlation
    covariance = u.T @ u / n
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-9))
    correlation = covariance / np.outer(deviation, deviation)
    share = max(choice.shrinkage, d / (n + d))
    precision = np.linalg.inv((1.0 - share) * correlation + share * np.eye(d))
    return ScorerSpec(
        kind=choice.kind,
        mean=(0.0,) * d,  # a healthy bias is the network's fault and must not hide a real one
        scale=tuple(float(v) for v in scale),
        precision=tuple(tuple(float(v) for v in row) for row in precision),
        cap=choice.cap,
        offset=choice.offset,
    )


def _smoothed(
    recipe: Recipe, scorer: Scorer, residuals: list[NDArray[np.float32]]
) -> NDArray[np.float64]:
    smoothing = Ewma(recipe.smoothing)
    return np.array([smoothing.push(scorer.score(r)[0]) for r in residuals])


def _threshold(
    recipe: Recipe, scores: NDArray[np.float64], held_out: NDArray[np.float64], windows: int
) -> ThresholdSpec:
    choice = recipe.threshold
    try:
        return choose_threshold(
            held_out if choice.scores == "held_out" and len(held_out) else scores,
            choice.method,
            choice.parameter,
            latest=held_out,
            least_margin=choice.least_margin,
            widen=1.0 + choice.widen_windows / windows,
        )
    except ValueError as error:
        raise DataError(f"no threshold can be chosen from the healthy scores: {error}") from error


def _alarm(recipe: Recipe, healthy: NDArray[np.float64], threshold: ThresholdSpec) -> AlarmSpec:
    """Put the closing level between the healthy median and the threshold, as the recipe says."""
    if recipe.threshold.close_share is None:
        return recipe.alarm
    margin = np.log(threshold.value) - np.log(max(float(np.median(healthy)), 1e-12))
    ratio = float(np.exp(-(1.0 - recipe.threshold.close_share) * max(margin, 0.0)))
    return msgspec.structs.replace(recipe.alarm, close_ratio=ratio)


def _fit_level(recipe: Recipe, names: tuple[str, ...], ready: Prepared) -> LevelSpec | None:
    columns = _alive(level_columns(names), ready.vectors)
    choice = recipe.level
    if choice is None or not columns:
        return None
    location, scale = robust_location_scale(levels(ready.vectors[:, columns]))
    scale = np.maximum(scale, LEAST_LOG_SCALE) * (1.0 + choice.widen_windows / len(ready.rows))
    spec = LevelSpec(
        features=columns,
        location=tuple(float(v) for v in location),
        scale=tuple(float(v) for v in scale),
        cap=choice.cap,
        alpha=choice.alpha,
        threshold=choice.threshold,
        alarm=choice.alarm,
    )
    detector = LevelDetector(spec)
    scores = np.array([detector.push(vector)[0] for vector in ready.vectors])
    settled = scores[min(recipe.washout, len(scores) // 4) :]
    (median,), (spread,) = robust_location_scale(settled[:, None])
    threshold = max(
        choice.threshold,
        float(median + choice.sigmas * spread),
        choice.margin * float(np.quantile(settled, 0.99)),
    )
    return msgspec.structs.replace(spec, threshold=threshold)
