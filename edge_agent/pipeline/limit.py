"""The absolute detector: does the machine shake more than its class may, whatever it was like?

What is learned from a machine that was already bad calls that healthy. ISO 20816-3 says in mm/s
what a machine's bearing housings may do; this compares with it.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.features.velocity import VelocityRms
from edge_agent.plugin import CentredWindow, FeatureError, NoOptions

# A single knock is no alarm: two of three windows over the limit. Closed three windows after the
# velocity has come well below it.
RULE = AlarmSpec(k=2, n=3, close_ratio=0.9, close_after=3)


class VelocityMeter:
    """Measures windows of one kind; see VelocityRms for how velocity is had from acceleration.

    Attributes:
        channels: those that are measured, in order: all but the context.
    """

    def __init__(self, given: InputSpec) -> None:
        """Prepare for windows like ``given``.

        Raises:
            FeatureError: vectors instead of samples, a unit that is no acceleration's, a rate that
                does not reach 1000 Hz, windows shorter than 1 s.
        """
        if given.kind != "samples":
            raise FeatureError("velocity_rms is computed from samples: found feature vectors")
        inner = given.feature_input()
        self.channels = inner.channels
        self._columns = [given.channels.index(name) for name in inner.channels]
        self._feature = VelocityRms(NoOptions(), inner)

    def measure(self, samples: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return the rms velocity in mm/s, 10 to 1000 Hz, float32 (channels measured,).

        Args:
            samples: the window, float32 (n, channels).

        Returns:
            None where samples are not finite.
        """
        with np.errstate(all="ignore"):
            window = CentredWindow(np.ascontiguousarray(samples[:, self._columns]))
            velocity: NDArray[np.float32] = self._feature.compute(window)[:, 0]
        return velocity if np.isfinite(velocity).all() else None


@lru_cache(maxsize=8)
def velocity_meter(given: InputSpec) -> VelocityMeter:
    """Return what measures windows like ``given``, shared by the flows of one thread.

    Raises:
        FeatureError: as VelocityMeter does.
    """
    return VelocityMeter(given)
