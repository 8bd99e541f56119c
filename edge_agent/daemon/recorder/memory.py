"""What the recorder remembers of one asset, as its flow needs it to go on."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.daemon.recorder.recorder import Recorder
from edge_agent.daemon.recorder.rows import Layout, Rows, clock_number
from edge_agent.pipeline.faults import Sensed
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.result import PastWindow

_RESTS = 20  # so many windows are looked through for one of the running machine


class Memory:
    """One asset's windows, by the layout in which the next ones will come."""

    def __init__(self, recorder: Recorder, layout: Layout) -> None:
        """Prepare."""
        self._recorder = recorder
        self._layout = layout

    def begin(self, end: int | None) -> int:
        """Record from now on; return the index of the next window, see ``Recorder.watch``."""
        return self._recorder.watch(self._layout.asset, end)

    def running(self, most: int) -> list[tuple[int, NDArray[np.float32]]]:
        """Return the latest windows of the running machine, oldest first, to warm a flow up.

        Each is the time at which it began, UTC nanoseconds, and its vector, float32 (F,). None
        where what is remembered was computed otherwise.
        """
        rows = self._recorder.read(self._layout.asset, last=_RESTS * most)
        if most < 1 or not self._is_alike(rows):
            return []
        return [(int(rows.start_ns[i]), rows.vectors[i]) for i in rows.runs.nonzero()[0][-most:]]

    def replay(self, flow: Flow, clocks: tuple[str, str]) -> tuple[str, int] | None:
        """Let ``flow`` take all windows again that came after its last one.

        Args:
            flow: restored from a state that was saved before them.
            clocks: name of the clock by which that state was timed, and of the latest window's;
                a row itself has but a number that stands for it.

        Returns:
            The name of the last window's clock and its start by that; None: there was no window.

        Raises:
            Exception: whatever the model raises.
        """
        rows = self._recorder.read(self._layout.asset, since_index=flow.index)
        if not len(rows) or not self._is_alike(rows):
            return None
        names = {clock_number(name): name for name in clocks}
        number = clock_number(clocks[0])
        for i, index in enumerate(rows.index.tolist()):
            if index != flow.index:  # one in between was torn
                flow.broken, flow.index = True, index
            if rows.clock[i] != number:
                flow.change_clock()
                number = int(rows.clock[i])
            flow.replay(past_window(rows, i))
        return names.get(number, ""), int(rows.start_ns[-1] - rows.utc_offset_ns[-1])

    def _is_alike(self, rows: Rows) -> bool:
        own, found = self._layout, rows.layout
        return found is not None and (
            (found.feature_hash, found.features, found.channels, found.unit, found.rate_hz)
            == (own.feature_hash, own.features, own.channels, own.unit, own.rate_hz)
        )


def past_window(rows: Rows, i: int) -> PastWindow:
    """Return window ``i`` of ``rows`` as a flow takes it again."""
    is_sensed = not np.isnan(rows.bias[i])
    return PastWindow(
        start_ns=int(rows.start_ns[i]),
        end_ns=int(rows.end_ns[i]),
        utc_offset_ns=int(rows.utc_offset_ns[i]),
        gap=bool(rows.gap[i]),
        vector=rows.vectors[i] if rows.computed[i] else None,
        sensed=Sensed(float(rows.bias[i]), float(rows.vibration[i])) if is_sensed else None,
    )
