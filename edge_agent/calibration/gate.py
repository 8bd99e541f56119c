"""Below which level the machine stands still."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import GateChoice
from edge_agent.calibration.kinds import level_columns
from edge_agent.pipeline.gate import GateSpec

_SPEEDS = ("speed", "rpm")
_AT_REST = 0.05  # of the usual speed


def fit_gate(
    choice: GateChoice | None,
    names: tuple[str, ...],
    vectors: NDArray[np.float32],
    context: tuple[str, ...] = (),
) -> GateSpec | None:
    """Return the idle levels of ``vectors``, float32 (n, F), all finite; None without a level.

    Where the context tells the regime a quiet machine may only be a slow one: then a speed says
    that it stands still, and nothing does where there is none.
    """
    columns = alive(level_columns(names), vectors)
    share = 0.0 if choice is None else choice.idle_share
    if context:
        speeds = tuple(names.index(c) for c in context if c.lower().endswith(_SPEEDS))
        columns, share = alive(speeds, vectors), _AT_REST
    if choice is None or not columns:
        return None
    idle = share * np.median(np.abs(vectors[:, columns]), axis=0)
    return GateSpec(
        features=columns,
        idle_levels=tuple(float(v) for v in idle),
        limit_s=choice.limit_s,
    )


def alive(columns: tuple[int, ...], vectors: NDArray[np.float32]) -> tuple[int, ...]:
    """Return the level columns of channels that are not dead.

    A dead channel is never below its level of 0, which would keep the machine from ever resting.
    """
    return tuple(i for i in columns if len(vectors) and np.median(np.abs(vectors[:, i])) > 0.0)
