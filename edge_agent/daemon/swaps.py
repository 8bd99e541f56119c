"""All swaps that are under way, each warmed up between the windows of the running assets."""

import logging
from collections import deque
from collections.abc import Sequence
from functools import partial

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.assembly import Assembly, name_model
from edge_agent.daemon.judged import Judged
from edge_agent.daemon.scoring import Watch
from edge_agent.daemon.sensors.thread import Handover
from edge_agent.daemon.swap import Done, Past, Swap

_log = logging.getLogger(__name__)


class Swaps:
    """At most one of each asset, on the scoring thread."""

    def __init__(self, assembly: Assembly, handover: Handover) -> None:
        """Begin without any.

        Args:
            assembly: puts together what a swap needs.
            handover: wakes the scoring loop.
        """
        self._assembly = assembly
        self._handover = handover
        self._swaps: dict[str, tuple[Swap, Watch]] = {}
        self._remembered: deque[tuple[Swap, Sequence[Past]]] = deque()

    @property
    def are_under_way(self) -> bool:
        """There is one."""
        return bool(self._swaps)

    def begin(self, judged: Judged, bundle: LoadedBundle, watch: Watch, done: Done) -> None:
        """Have what ``watch`` watches judged by ``bundle`` as soon as ``turn`` has warmed it up.

        Args:
            judged: the asset with ``bundle``.
            bundle: cuts the same windows as what judges the asset now.
            watch: of the asset; whoever ends it is to ``drop`` the swap.
            done: is told how it ended: None, or why the former bundle goes on.
        """
        flow = bundle.flow(watch.range_max, watch.flow.judge.limit_mm_s)
        same = bundle.model_id == watch.bundle.model_id
        swap = Swap(judged, bundle, flow, watch.flow, done, same=same)
        self._swaps[judged.asset.name] = swap, watch
        if swap.missing:
            self._assembly.recall(judged, bundle, partial(self._recalled, swap))
        else:
            self._handover.wake()

    def drop(self, name: str) -> None:
        """Forget the swap of an asset, if there is one; nobody is told."""
        self._swaps.pop(name, None)

    def turn(self) -> None:
        """Do one slice of the work on one of them."""
        while self._remembered:
            swap, past = self._remembered.popleft()
            swap.remember(past)
        name = next((name for name, (swap, _) in self._swaps.items() if not swap.missing), None)
        if name is None:
            return
        swap, watch = self._swaps[name]
        reason = None
        try:
            ready = swap.advance(watch.flow)
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            ready, reason = True, f"{type(error).__name__}: {error}"
        if ready:
            del self._swaps[name]
            if reason is None:
                self._go_over(watch, swap)
            swap.done(reason)
        if self._swaps:
            self._handover.wake()

    def _recalled(self, swap: Swap, past: Sequence[Past]) -> None:
        """Take from the keeper's thread what the recorder remembers."""
        self._remembered.append((swap, past))
        self._handover.wake()

    def _go_over(self, watch: Watch, swap: Swap) -> None:
        """Let what is warmed up judge the next window."""
        record, before = watch.record, watch.record.model
        watch.bundle, watch.flow = swap.bundle, swap.flow
        watch.policy.forgive()
        name_model(record, swap.bundle)
        witness = self._assembly.witness(swap.judged.asset, swap.bundle)
        watch.announcer.change(swap.bundle, swap.begun, witness)
        anomaly = swap.flow.judge.anomalies.open
        _log.info(
            "asset %s: judged by %s (%s) from window %d on, by %s before: %s; %s",
            record.name,
            record.model,
            swap.bundle.model_id,
            swap.flow.index,
            before,
            swap,
            "no anomaly is open" if anomaly is None else f"anomaly {anomaly.number} stays open",
            extra={"asset": record.name, "event": "model_swapped"},
        )
        self._assembly.save(watch)
