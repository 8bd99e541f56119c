"""How loud an anomaly calls."""

from collections.abc import Collection

from edge_agent.daemon.alarms.messages import Level
from edge_agent.pipeline.alarm import Detector

_SEVERE = 2.0  # times its threshold


def level_of(severity: float, ringing: Collection[Detector]) -> Level:
    """Return the level of an open anomaly.

    Args:
        severity: largest score / threshold so far.
        ringing: the detectors whose alarm is open.
    """
    return "alarm" if severity >= _SEVERE or "limit" in ringing else "alert"
