"""The flight recorder: what the agent remembers of each machine, in files whose size is known."""

from edge_agent.daemon.recorder.recorder import Reach, Recorder
from edge_agent.daemon.recorder.rows import Layout, RecordedRow, Rows, layout_of

__all__ = ["Layout", "Reach", "RecordedRow", "Recorder", "Rows", "layout_of"]
