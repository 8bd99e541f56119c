"""Sees to it that assets are commissioned: counts their windows, has overlays computed, uses them.

All of it runs on the scoring thread, once a second and between two windows, but what reads the
flight recorder, and the computation: a process of its own, one at a time, waited for by a thread.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import BundleError
from edge_agent.bundle.overlay import OverlayError, decode_overlay
from edge_agent.daemon.commands.bus import Respond
from edge_agent.daemon.commands.requests import Commission, done, refused
from edge_agent.daemon.commissioning.compute import Order, Outcome, run_child
from edge_agent.daemon.commissioning.listening import ListeningBundle
from edge_agent.daemon.commissioning.overlays import Overlays, Wanted
from edge_agent.daemon.commissioning.task import Task, windows_for
from edge_agent.daemon.config.settings import Asset
from edge_agent.daemon.judged import Judged, judge
from edge_agent.daemon.models import Models
from edge_agent.daemon.recorder import Recorder
from edge_agent.daemon.records import Commissioning
from edge_agent.daemon.scoring import Watch
from edge_agent.daemon.watches import Watches

_log = logging.getLogger(__name__)

_AGAIN = 4  # after a refusal this part of the windows must be new


@dataclass(frozen=True, slots=True)
class _Result:
    """What a computation came to; ``teaching`` are the windows that it had to choose from."""

    asset: Asset
    outcome: Outcome
    judged: Judged | None
    end: int
    teaching: NDArray[np.int64]


class Commissioner:
    """Commissions the assets of ``watches``."""

    def __init__(
        self,
        watches: Watches,
        overlays: Overlays,
        recorder: Recorder,
        in_background: Callable[[Callable[[], None]], None],
    ) -> None:
        """Begin without a task.

        Args:
            watches: the assets.
            overlays: where what was commissioned is kept, and what was asked for.
            recorder: holds the windows.
            in_background: runs what waits for the disk.
        """
        self._watches = watches
        self._overlays = overlays
        self._recorder = recorder
        self._in_background = in_background
        self._tasks: dict[str, Task] = {}
        self._known: set[str] = set()
        self._going_over: set[str] = set()
        self._thread: threading.Thread | None = None
        self._result: _Result | None = None

    def command(self, command: Commission, respond: Respond) -> None:
        """Begin to commission an asset, or again; answered once that is on the disk."""
        watch = self._watches.watch_of(command.asset)
        if watch is None:
            respond(refused(f"asset {command.asset} is not watched"))
            return
        if watch.bundle.overlay is None and not isinstance(watch.bundle, ListeningBundle):
            respond(refused(f"{watch.bundle.source} is calibrated, allowed: a general bundle"))
            return
        if command.for_s is not None and command.windows is not None:
            respond(refused("found a time and a number of windows, allowed: one of the two"))
            return
        windows = command.windows or windows_for(watch, command.for_s)
        wanted = Wanted(since=watch.flow.index, windows=windows, by=command.by)
        self._tasks[command.asset] = Task(wanted, seen=wanted.since)
        self._show(watch, self._tasks[command.asset])

        def keep() -> None:
            answer = done(asset=command.asset, windows=windows, since=wanted.since)
            try:
                self._overlays.want(command.asset, wanted)
            except OSError as error:
                _log.warning("asset %s: %s", command.asset, error)
                answer = msgspec.structs.replace(answer, durable=False)
            respond(answer)

        self._in_background(keep)

    def look(self, models: Models) -> None:
        """Count windows, have what is due computed, and take over what was."""
        self._take()
        if (
            not self._watches.swaps.are_under_way
        ):  # also where other settings have ended a swap unsaid
            self._going_over.clear()
        for watch in list(self._watches.running.values()):
            name = watch.record.name
            task = None if name in self._going_over else self._task(watch)
            if task is None:
                continue
            self._count(name, task)
            self._show(watch, task)
            if task.counted >= task.wanted.windows and self._thread is None:
                self._begin(watch, task, models)

    def join(self, timeout_s: float) -> None:
        """Wait for a computation that has begun, for so long at most."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _task(self, watch: Watch) -> Task | None:
        name = watch.record.name
        if name not in self._known:
            self._known.add(name)
            wanted = self._overlays.wanted(name)
            if wanted is not None:
                self._tasks[name] = Task(wanted, seen=wanted.since)
        bundle = watch.bundle
        listening = isinstance(bundle, ListeningBundle)
        task = self._tasks.get(name)
        if task is None and isinstance(bundle, ListeningBundle) and bundle.settled:
            task = self._tasks[name] = Task(Wanted(since=0, windows=windows_for(watch, None)))
        elif task is not None and task.wanted.by is None and not listening:
            del self._tasks[name]  # its overlay has come another way
            return None
        return task

    def _count(self, name: str, task: Task) -> None:
        """Have the windows counted that have come since: at the start that may be a full ring."""
        if task.is_counting:
            return
        task.is_counting = True

        def count() -> None:
            rows = self._recorder.read(name, since_index=task.seen)
            if len(rows):
                task.seen = int(rows.index[-1]) + 1
                task.counted += int(rows.teaches.sum())
            task.is_counting = False

        self._in_background(count)

    def _show(self, watch: Watch, task: Task) -> None:
        watch.record.commission(
            Commissioning(
                windows=min(task.counted, task.wanted.windows),
                wanted=task.wanted.windows,
                computing=task.is_computing,
                refused=task.refused,
            ),
            listening=isinstance(watch.bundle, ListeningBundle),
        )

    def _begin(self, watch: Watch, task: Task, models: Models) -> None:
        """Have an overlay computed from the latest windows that were wanted."""
        asset = self._watches.asset_of(watch.record.name)
        spec = watch.flow.spec
        task.is_computing = True
        order = Order(
            asset=asset.name,
            sensor=asset.sensor.plugin,
            bundle=watch.bundle.source,
            sha256=watch.bundle.sha256,
            recorder=str(self._recorder.folder),
            first=task.wanted.since,
            end=task.seen,
            input=spec.input,
            features=spec.features,
            names=spec.feature_names,
            limit_mm_s=asset.limit_mm_s,
            false_alarms_per_month=asset.false_alarms_per_month,
        )
        self._thread = threading.Thread(
            target=partial(self._compute, asset, order, task.wanted.windows, models),
            name="commission",
            daemon=True,
        )
        self._thread.start()

    def _compute(self, asset: Asset, order: Order, windows: int, models: Models) -> None:
        """Compute, keep and load an overlay, on a thread of its own."""
        judged = None
        teaching = self._teaching(order)
        try:
            outcome = self._commissioned(order, teaching[-windows:])
            if outcome.overlay is not None:
                self._overlays.keep(asset.name, decode_overlay(outcome.overlay.encode()))
                judged = judge(asset, models.renewed())
                if judged.bundle is None:
                    outcome = Outcome(refused=judged.reason)
        except (OSError, OverlayError, BundleError) as error:
            outcome = Outcome(refused=str(error))
        self._result = _Result(asset, outcome, judged, order.end, teaching)

    def _teaching(self, order: Order) -> NDArray[np.int64]:
        rows = self._recorder.read(order.asset, since_index=order.first)
        return rows.index[rows.teaches & (rows.index < order.end)]

    @staticmethod
    def _commissioned(order: Order, latest: NDArray[np.int64]) -> Outcome:
        """Compute from the ``latest`` windows. Raises OSError."""
        if not len(latest):  # they were counted, but their file was lost since
            return Outcome(refused="the flight recorder does not hold them any more")
        order = msgspec.structs.replace(order, first=int(latest[0]))
        _log.info("asset %s: commissioning from windows %d:%d", order.asset, order.first, order.end)
        return run_child(order)

    def _take(self) -> None:
        if self._thread is None or self._thread.is_alive():
            return
        self._thread = None
        result, self._result = self._result, None
        if result is None:
            return
        name = result.asset.name
        task, watch = self._tasks.get(name), self._watches.watch_of(name)
        if task is None or watch is None:
            return
        task.is_computing = False
        if result.judged is None or result.judged.bundle is None:
            self._refuse(watch, task, result)
            return
        del self._tasks[name]
        self._forget(name)
        self._going_over.add(name)
        _log.info(
            "asset %s: commissioned, overlay %s, %d odd windows left out",
            name,
            (result.judged.bundle.overlay or "")[:16],
            result.outcome.odd,
        )
        again = not isinstance(watch.bundle, ListeningBundle)
        self._watches.swap(result.judged, done=partial(self._gone_over, watch, again))

    def _gone_over(self, watch: Watch, again: bool, refused: str | None) -> None:  # noqa: FBT001
        self._going_over.discard(watch.record.name)
        if refused is None:
            watch.record.commissioned()
            if again:  # the machine is another than the one that was learned at first
                watch.announcer.witness.relearn()
            watch.announcer.alarm.state()
        else:
            _log.error("asset %s: its overlay is refused: %s", watch.record.name, refused)

    def _refuse(self, watch: Watch, task: Task, result: _Result) -> None:
        """Say why an asset is not commissioned; one without an overlay is tried again."""
        name = watch.record.name
        reason = result.outcome.refused or "no overlay came of it"
        _log.warning(
            "asset %s: not commissioned: %s",
            name,
            reason,
            extra={"asset": name, "event": "commissioning_refused"},
        )
        task.refused = reason
        self._show(watch, task)
        watch.announcer.alarm.state()
        if not isinstance(watch.bundle, ListeningBundle):
            del self._tasks[name]
            self._forget(name)
            return
        watch.announcer.witness.relearn()  # it has taken these windows as healthy
        wanted = task.wanted.windows
        kept = min(len(result.teaching), wanted - wanted // _AGAIN)
        since = int(result.teaching[-kept]) if kept else result.end
        self._tasks[name] = Task(
            Wanted(since=since, windows=wanted), counted=kept, seen=result.end, refused=reason
        )
        if task.wanted.by is not None:
            self._forget(name)

    def _forget(self, name: str) -> None:
        self._in_background(partial(self._overlays.want, name, None))
