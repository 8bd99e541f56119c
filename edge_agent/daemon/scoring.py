"""The one loop that scores: takes blocks from all sensors, runs each asset's flow, announces."""

import gc
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edge_agent.bundle import LoadedBundle
from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.announce import Announcer
from edge_agent.daemon.clock import WallClock
from edge_agent.daemon.commissioning.listening import ListeningBundle
from edge_agent.daemon.local.lookout import Lookout
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.scoring_policy import ScoringPolicy
from edge_agent.daemon.sensors.thread import Change, Delivery, Handover, SensorThread
from edge_agent.daemon.systemd import Watchdog
from edge_agent.daemon.witness import Witness
from edge_agent.pipeline.alarm import Event
from edge_agent.pipeline.block import InputError
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.window import Window
from edge_agent.plugin import Block, FeatureError

_log = logging.getLogger(__name__)

TICK_S = 1.0
_MOMENT_S = 0.01  # what has just been scored is on its way then
_BEHIND_S = 0.0005  # that a block has waited: no moment is to be had between two of them
_LATE = 1.5  # a burst that starts this many periods after the one before is not the next one
_FINAL = ("ended", "failed", "left_out")
_DONE = {"open": "opened", "update": "grew worse", "close": "closed"}
_NAMED = 3  # of the most responsible features, in the log


@dataclass(slots=True)
class Watch:
    """One asset as the scoring loop sees it.

    Attributes:
        record: what is known of it.
        bundle: what judges it.
        announcer: what speaks for it.
        sensor: what its blocks come from.
        flow: its way from block to alarm.
        range_max: what ``flow`` marks as clipped.
        limit_mm_s: rms velocity that the machine may not exceed, None where there is no limit.
        witness: makes what knows the asset beyond its scores, for another bundle.
        policy: what follows when its scoring fails.
        clock: name of what ``last_start_ns`` counts, see WallClock.name; empty: no window yet.
        last_start_ns: start of the last window; of an earlier run's at first.
        beside: is given each window once it is announced.
    """

    record: AssetRecord
    bundle: LoadedBundle
    announcer: Announcer
    sensor: SensorThread
    flow: Flow
    range_max: float | None
    limit_mm_s: float | None
    witness: Callable[[LoadedBundle], Witness]
    policy: ScoringPolicy
    clock: str = ""
    last_start_ns: int = 0
    beside: Callable[[Window, WindowResult], None] | None = None

    def suit(self, block: Block, wall_clock: WallClock) -> Block:
        """Prepare for the first block: only the open sensor knows its range and its clock.

        Returns the block, marked where windows are missing between an earlier run and this one;
        where the machine was started anew meanwhile, nothing tells how long that took.
        """
        info = self.record.info
        range_max = None if info is None else info.range_max
        if range_max != self.range_max:
            state = self.flow.state()
            self.flow, self.range_max = self.bundle.flow(range_max, self.limit_mm_s), range_max
            self.flow.restore(state)
        if isinstance(self.bundle, ListeningBundle) and info is not None:
            self._settle(self.bundle.settle(info, len(block.samples)))
        before, self.clock = self.clock, wall_clock.name("boot" if info is None else info.clock)
        if not before:
            return block
        if before != self.clock:
            self.flow.change_clock()
            return replace(block, gap_before=True)
        period_s = self.bundle.manifest.flow.input.period_s
        late_ns = block.start_ns - self.last_start_ns
        is_next = period_s is not None and 0 < late_ns < _LATE * period_s * 1e9
        return block if is_next else replace(block, gap_before=True)

    def _settle(self, bundle: ListeningBundle) -> None:
        """Listen to what the open sensor delivers."""
        told = self.flow.mark()
        try:
            self.flow = bundle.flow(self.range_max, self.limit_mm_s)
        except FeatureError as error:
            raise InputError(f"velocity_limit: {error}") from error
        self.flow.succeed(told)
        self.bundle = bundle
        self.announcer.settle(bundle, self.witness(bundle))


class ScoringLoop:
    """Runs on the main thread, so that a signal reaches it at once."""

    def __init__(
        self,
        watches: Mapping[int, Watch],
        handover: Handover,
        watchdog: Watchdog,
        wall_clock: WallClock,
        on_tick: Callable[[float], None],
        lookout: Lookout,
        serve: Callable[[], None],
    ) -> None:
        """Score the blocks of ``watches``, by position; they may change in the calls below.

        ``on_tick`` is called about once a second with the monotonic time; ``lookout`` is shown
        every block and every window. ``serve`` is called after each block and whenever the handover
        is woken: commands and slices of longer work are done there, between two windows. After a
        window that is also given to a trial it is called a moment later.
        """
        self._watches = watches
        self._handover = handover
        self._watchdog = watchdog
        self._wall_clock = wall_clock
        self._on_tick = on_tick
        self._lookout = lookout
        self._serve = serve
        self._stopping = False
        self._tick_due_s = 0.0
        self._serve_due_s = 0.0
        self._wait_s = min(TICK_S, watchdog.interval_s or TICK_S)

    def stop(self) -> None:
        """End after the current window; may be called from a signal handler."""
        self._stopping = True
        self._handover.wake()

    def run(self) -> None:
        """Score until ``stop``."""
        # What was made for the start stays: to look through all of it for garbage now and then
        # would hold up every thread for 30 ms.
        gc.collect()
        gc.freeze()
        while not self._stopping:
            delivery = self._handover.get(self._patience_s())
            behind_s = math.inf if delivery is None else time.monotonic() - delivery.at_s
            if delivery is not None:
                self._take(delivery)
            now_s = time.monotonic()
            if behind_s > _BEHIND_S or now_s >= self._serve_due_s:
                self._serve_due_s = 0.0
                self._serve()
                now_s = time.monotonic()
            self._watchdog.feed(now_s, None if delivery is None else delivery.at_s)
            if now_s >= self._tick_due_s:
                self._tick_due_s = now_s + TICK_S
                self._on_tick(now_s)

    def _patience_s(self) -> float:
        """Wait for the next block no longer than until something is to be done."""
        if not self._serve_due_s:
            return self._wait_s
        return max(0.0, min(self._wait_s, self._serve_due_s - time.monotonic()))

    @property
    def is_stopping(self) -> bool:
        """``stop`` was called."""
        return self._stopping

    @property
    def is_idle_for_good(self) -> bool:
        """No asset will ever deliver another block."""
        return all(
            watch.record.state in _FINAL and not watch.sensor.is_alive
            for watch in self._watches.values()
        )

    def _take(self, delivery: Delivery) -> None:
        watch = self._watches.get(delivery.position)
        if watch is None:  # of a sensor that a new configuration has no use for
            return
        if isinstance(delivery.content, Change):
            watch.record.enter(delivery.content.state, delivery.content.reason, time.monotonic())
            watch.announcer.alarm.state()
            return
        try:
            self._score(watch, delivery.content, delivery.at_s)
        except InputError as error:
            self._fail(watch, str(error))
        finally:
            watch.sensor.taken()

    def _score(self, watch: Watch, block: Block, handed_over_s: float) -> None:
        record = watch.record
        began_s = time.monotonic()
        if not record.blocks:
            block = watch.suit(block, self._wall_clock)
        record.block_came(began_s)
        self._lookout.block(record, block)
        for window in watch.flow.windows(block):
            result = self._push(watch, window)
            self._note(watch, result)
            watch.announcer.result(result, watch.flow, window)
            self._lookout.window(watch.record.name, result)
            if watch.beside is not None:
                watch.beside(window, result)
                # Threads take turns at the interpreter: at once, what that leaves to do would hold
                # up this very window's messages.
                self._serve_due_s = self._serve_due_s or time.monotonic() + _MOMENT_S
            self._watchdog.feed(time.monotonic(), handed_over_s)
            if self._stopping:
                break
        record.block_done(time.monotonic() - began_s)

    def _push(self, watch: Watch, window: Window) -> WindowResult:
        """Score one window; whatever a feature or the model raises costs this asset alone."""
        policy, record = watch.policy, watch.record
        now_s = time.monotonic()
        if not policy.may_try(now_s):
            return watch.flow.leave_out(window, f"not tried: {record.reason}")
        try:
            result = watch.flow.push_window(window)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            result = watch.flow.leave_out(window, f"{type(error).__name__}: {error}")
        if result.reason == "error":
            self._fail(watch, f"scoring: {result.detail}")
            return result
        if policy.has_failed:
            record.enter("running", None, now_s)
        policy.worked(now_s)
        record.signal_judged(result.detail if result.reason == "sensor_fault" else None)
        return result

    @staticmethod
    def _fail(watch: Watch, reason: str) -> None:
        policy, record = watch.policy, watch.record
        now_s = time.monotonic()
        policy.failed(f"asset {record.name}: {reason}", now_s)
        if policy.has_failed:
            record.enter("failed", reason, now_s)
            watch.announcer.alarm.state()
        if policy.is_final:
            watch.sensor.ask_to_stop()

    @staticmethod
    def _note(watch: Watch, result: WindowResult) -> None:
        watch.record.window_came(result, watch.flow.judge.anomalies.open)
        watch.last_start_ns = result.steady_ns
        if result.event is not None:
            _tell(watch.record.name, result, result.event)


def _tell(asset: str, result: WindowResult, event: Event) -> None:
    """Put into the log what a window changed of an anomaly."""
    responsible = ", ".join(f"{name} {share:.0%}" for name, share in event.features[:_NAMED])
    _log.log(
        logging.WARNING if event.kind == "open" else logging.INFO,
        "asset %s: anomaly %d %s in the window of %s: detector %s, severity %.2f, mostly %s",
        asset,
        event.number,
        _DONE[event.kind],
        rfc3339(result.start_ns),
        event.detector,
        event.severity,
        responsible or "unknown",
        extra={"asset": asset, "event": f"anomaly_{event.kind}"},
    )
