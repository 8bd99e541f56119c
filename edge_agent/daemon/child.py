"""What a process that computes for the agent does first: it makes way, and ends with the agent."""

import contextlib
import os

from edge_agent.daemon.sensors.process import end_with

_NICER = 10


def begin_child(parent: int) -> None:
    """Make way for the scoring of process ``parent``, and be killed when that ends."""
    end_with(parent)
    with contextlib.suppress(PermissionError):  # a sandbox may forbid even this: then as it is
        os.nice(_NICER)
