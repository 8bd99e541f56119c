"""From healthy windows and an exported network to every number that decides on an alarm."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import Calibration, ScorerChoice
from edge_agent.calibration.kinds import level_columns
from edge_agent.calibration.level import fit_level
from edge_agent.calibration.prepare import Prepared
from edge_agent.calibration.scorer import fit_scorer
from edge_agent.calibration.season import averaged
from edge_agent.calibration.series import DataError, Series
from edge_agent.calibration.threshold import choose_threshold
from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.network import predictor
from edge_agent.pipeline.scorer import Scorer, ScorerSpec
from edge_agent.pipeline.smoothing import SmoothingSpec, smoothed
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.threshold import ThresholdSpec


def calibrate(choice: Calibration, series: Series, ready: Prepared, model: AnyModel) -> FlowSpec:
    """Choose scorer, threshold and level from the exported network's own residuals.

    Raises:
        DataError: no threshold can be chosen from the healthy scores.
    """
    rows, residuals = _residuals(model, ready)
    washout = min(model.spec.washout, len(residuals) // 4)
    smoothing = choice.smoothing
    if not level_columns(series.names):  # what fails in a machine is wrong for good, not for a day
        smoothing = averaged(smoothing, choice.season, ready.season)
    scorer, scores = _scored(choice.scorer, smoothing, residuals, washout)
    held_out = scores[max(washout, int(np.searchsorted(rows, ready.fitted))) :]
    threshold = _threshold(choice, scores[washout:], held_out, len(ready.rows))
    return FlowSpec(
        input=series.input,
        features=series.features,
        feature_names=series.names,
        gate=ready.gate,
        denoise=choice.denoise,
        scaler=ready.scaler,
        model=model.spec,
        scorer=scorer,
        smoothing=smoothing,
        threshold=threshold,
        alarm=_alarm(choice, scores[washout:], threshold),
        level=fit_level(choice.level, series.watched_names, ready.steady, choice.washout),
        regime=None if ready.regime is None else ready.regime.spec,
        season=None if ready.season is None else ready.season.spec,
    )


def _residuals(
    model: AnyModel, ready: Prepared
) -> tuple[NDArray[np.intp], list[NDArray[np.float32]]]:
    """Run the network over the healthy windows from zero state.

    Returns:
        Positions in ``ready`` and their residuals; those of windows after a gap are left out where
        the gateway does not score them.
    """
    runner = predictor(model, ready.scaled.shape[1])
    positions, residuals = [], []
    for i, (scaled, seen) in enumerate(zip(ready.scaled, ready.seen, strict=True)):
        residual = runner.push(scaled, seen)
        if residual is not None and not (ready.after_gap[i] and model.spec.looks_back):
            positions.append(i)
            residuals.append(residual)
    if not residuals:
        raise DataError(f"none of {len(ready.rows)} healthy windows could be scored")
    return np.array(positions, dtype=np.intp), residuals


def _scored(
    choice: ScorerChoice,
    smoothing: SmoothingSpec,
    residuals: list[NDArray[np.float32]],
    washout: int,
) -> tuple[ScorerSpec, NDArray[np.float64]]:
    """Return the scorer fitted to all but the first ``washout`` residuals, and every score."""
    if smoothing.of == "residuals":
        each = smoothed(smoothing, np.array([r.mean(axis=0, dtype=np.float64) for r in residuals]))
        spec = fit_scorer(choice, each[washout:, None])
        scorer = Scorer(spec)
        return spec, np.array([scorer.score(e[None])[0] for e in each])
    spec = fit_scorer(choice, np.stack(residuals[washout:]))
    scorer = Scorer(spec)
    return spec, smoothed(smoothing, np.array([[scorer.score(r)[0]] for r in residuals]))[:, 0]


def _threshold(
    choice: Calibration, scores: NDArray[np.float64], held_out: NDArray[np.float64], windows: int
) -> ThresholdSpec:
    how = choice.threshold
    try:
        return choose_threshold(
            held_out if how.scores == "held_out" and len(held_out) else scores,
            how.method,
            how.parameter,
            latest=held_out,
            least_margin=how.least_margin,
            widen=1.0 + how.widen_windows / windows,
            block=how.block,
            dynamic=how.dynamic,
        )
    except ValueError as error:
        raise DataError(f"no threshold can be chosen from the healthy scores: {error}") from error


def _alarm(
    choice: Calibration, healthy: NDArray[np.float64], threshold: ThresholdSpec
) -> AlarmSpec:
    """Put the closing level between the healthy median and the threshold, as was chosen."""
    if choice.threshold.close_share is None:
        return choice.alarm
    margin = np.log(threshold.value) - np.log(max(float(np.median(healthy)), 1e-12))
    ratio = float(np.exp(-(1.0 - choice.threshold.close_share) * max(margin, 0.0)))
    return msgspec.structs.replace(choice.alarm, close_ratio=ratio)
