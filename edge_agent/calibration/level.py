"""The healthy level of every channel, and how far from it is abnormal."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import LevelChoice
from edge_agent.calibration.gate import alive
from edge_agent.calibration.kinds import level_columns
from edge_agent.calibration.scaler import LEAST_LOG_SCALE, robust_location_scale
from edge_agent.pipeline.level import LevelDetector, LevelSpec, levels


def fit_level(
    choice: LevelChoice | None,
    names: tuple[str, ...],
    vectors: NDArray[np.float32],
    washout: int,
) -> LevelSpec | None:
    """Return the level detector of healthy ``vectors``, float32 (n, F); None without a level.

    Args:
        choice: how; None: no detector.
        names: of the vector's numbers.
        vectors: healthy and finite, in order.
        washout: windows whose scores do not count yet.
    """
    columns = alive(level_columns(names), vectors)
    if choice is None or not columns:
        return None
    location, scale = robust_location_scale(levels(vectors[:, columns]))
    scale = np.maximum(scale, LEAST_LOG_SCALE) * (1.0 + choice.widen_windows / len(vectors))
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
    scores = np.array([detector.push(vector)[0] for vector in vectors])
    settled = scores[min(washout, len(scores) // 4) :]
    (median,), (spread,) = robust_location_scale(settled[:, None])
    threshold = max(
        choice.threshold,
        float(median + choice.sigmas * spread),
        choice.margin * float(np.quantile(settled, 0.99)),
    )
    return msgspec.structs.replace(spec, threshold=threshold)
