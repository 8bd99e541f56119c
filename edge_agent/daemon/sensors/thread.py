"""Each asset's sensor on a thread of its own, handing its blocks to the one scoring loop.

The hand-over is bounded: a sensor that is faster than the scoring waits, and its device's own
buffer with it. What a device loses then, its plugin marks as a gap. With a sensor in a process of
its own the thread only passes on what comes from there.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from edge_agent.daemon.backoff import Backoff
from edge_agent.daemon.clock import WallClock
from edge_agent.daemon.config.settings import Asset
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.sensors.adapt import Adapter
from edge_agent.daemon.sensors.intake import Intake
from edge_agent.daemon.sensors.isolated import IsolatedSensor, ProcessError, UnusableError
from edge_agent.daemon.status_message import AssetState
from edge_agent.plugin import Block, EndOfData, Sensor
from edge_agent.plugin.discovery import PluginError, configure, load

READ_TIMEOUT_S = 0.25  # so soon does a sensor's thread notice that the agent stops
HANDED_OVER_MAX = 4
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
STEADY_S = 30.0  # a sensor that worked for so long has not failed again, but anew
_GRACE_S = 2.0  # a process that hangs is ended by its own thread, which comes first


class MismatchError(Exception):
    """The sensor works, but delivers something else than the bundle needs."""


class OverdueError(Exception):
    """A call into the plugin returned after it was said to hang."""


@dataclass(frozen=True, slots=True)
class Change:
    """A sensor's change of state; it goes the way of the blocks, so that it arrives after them."""

    state: AssetState
    reason: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A block of one asset, or a change of its sensor's state.

    Attributes:
        position: of the asset.
        content: what is handed over.
        at_s: when it was; monotonic.
    """

    position: int
    content: Block | Change
    at_s: float = field(default_factory=time.monotonic)


class Handover:
    """Blocks on their way from the sensors' threads to the scoring loop."""

    def __init__(self) -> None:
        """Begin empty."""
        # SimpleQueue.put may be called from a signal handler, Queue.put may not.
        self._queue: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()

    def put(self, delivery: Delivery) -> None:
        """Hand over; the sensor's thread bounds how many."""
        self._queue.put(delivery)

    def wake(self) -> None:
        """Make ``get`` return at once."""
        self._queue.put(None)

    def get(self, timeout_s: float) -> Delivery | None:
        """Return the next block, None after ``timeout_s`` or ``wake``."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None


def open_sensor(
    asset: Asset, is_stopping: Callable[[], bool] = lambda: False
) -> Sensor | IsolatedSensor:
    """Return the asset's sensor, open, in a process of its own where the asset says so.

    Raises:
        PluginError, UnusableError: the plugin cannot be loaded or refuses its options.
        SensorError, ProcessError: the device cannot be opened; or whatever the plugin raises.
    """
    settings = asset.sensor
    sensor: Sensor | IsolatedSensor
    if settings.isolation == "process":
        sensor = IsolatedSensor(settings, is_stopping)
    else:
        options = configure("sensors", settings.plugin, settings.options)
        sensor = load("sensors", settings.plugin)(options)
    sensor.open()
    return sensor


class SensorThread:
    """Opens, reads and closes one sensor, and starts it again as its policy says."""

    def __init__(
        self,
        position: int,
        asset: Asset,
        adapter: Adapter,
        record: AssetRecord,
        handover: Handover,
        clock: WallClock,
        give_up: Callable[[str], None],
    ) -> None:
        """Prepare; nothing is imported or opened before ``start``.

        Args:
            position: of the asset, goes with every block.
            asset: its configuration.
            adapter: from the sensor to the bundle.
            record: of the asset.
            handover: where the blocks go.
            clock: tells wall time.
            give_up: ends the agent, for policy ``error``.
        """
        self._position = position
        self._asset = asset
        self._adapter = adapter
        self._record = record
        self._handover = handover
        self._clock = clock
        self._give_up = give_up
        self._free = threading.Semaphore(HANDED_OVER_MAX)
        self._stopping = threading.Event()
        self._was_open = self._has_delivered = False
        self._call: tuple[str, float] | None = None
        self._told: tuple[str, float] | None = None
        self._thread = threading.Thread(target=self._run, name=asset.name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the thread end after its current read."""
        self._stopping.set()
        self._free.release()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; return whether it came, or there was no beginning."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """It may still deliver."""
        return self._thread.is_alive()

    def taken(self) -> None:
        """The scoring loop is done with one block."""
        self._free.release()

    def notice_hang(self, now_s: float) -> None:
        """Say that the asset has failed where the plugin does not return.

        A thread cannot be ended from outside, and a second one would open the device while the
        first still holds it: so the sensor is started again when the plugin returns after all.
        """
        call = self._call
        if call is None or call == self._told or self._stopping.is_set():
            return
        what, began_s = call
        if now_s - began_s <= READ_TIMEOUT_S + self._asset.sensor.deadline_s + _GRACE_S:
            return
        self._told = call
        self._note_failure(f"{what} has not returned for {now_s - began_s:.0f} s")

    def _run(self) -> None:
        backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        while not self._stopping.is_set():
            try:
                self._sample(backoff)
            except EndOfData:
                self._enter("ended", "the source has delivered everything")
                return
            except (PluginError, UnusableError, MismatchError) as error:
                self._fail(str(error))
                return  # trying again would give the same
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
                if not self._fail(_reason(error)):
                    return
                self._stopping.wait(backoff.next_wait_s())
                self._record.restarts += 1

    def _sample(self, backoff: Backoff) -> None:
        with self._calling("open"):
            sensor = open_sensor(self._asset, self._stopping.is_set)
        opened_s, self._told = time.monotonic(), None
        try:
            self._was_open = True
            self._accept(sensor)
            intake = Intake(sensor.info, self._clock, samples=not self._adapter.takes_features)
            first = self._has_delivered  # restarted: what came meanwhile is missing
            while not self._stopping.is_set():
                with self._calling("read"):
                    block = sensor.read(READ_TIMEOUT_S)
                self._require_untold()
                if block is None:
                    continue
                adapted = self._adapter.adapt(intake.take(block))
                self._hand_over(replace(adapted, gap_before=True) if first else adapted)
                first, self._has_delivered = False, True
                if time.monotonic() - opened_s > STEADY_S:
                    backoff.reset()
        finally:
            with self._calling("close"):
                sensor.close()

    def _require_untold(self) -> None:
        """Raise OverdueError where the call that has just returned was said to hang."""
        if self._told is not None:
            what, began_s = self._told
            raise OverdueError(f"{what} returned after {time.monotonic() - began_s:.0f} s")

    @contextmanager
    def _calling(self, what: str) -> Iterator[None]:
        """Let the scoring loop see for how long the plugin has not returned."""
        self._call = (what, time.monotonic())
        try:
            yield
        finally:
            self._call = None

    def _accept(self, sensor: Sensor | IsolatedSensor) -> None:
        given = sensor.info
        problems = self._adapter.problems(given)
        self._record.sensor_version = sensor.version
        if problems:
            raise MismatchError("; ".join(sentence for _, sentence in problems))
        self._record.info = self._adapter.info(given)
        self._record.block_interval_s = given.period_s
        self._enter("running", None)

    def _hand_over(self, block: Block) -> None:
        self._free.acquire()
        if not self._stopping.is_set():
            self._handover.put(Delivery(self._position, block))

    def _fail(self, reason: str) -> bool:
        """Note a failure and return whether to try again."""
        policy = self._asset.sensor.on_failure
        if self._stopping.is_set():
            return False
        if policy == "probe" and not self._was_open:
            self._enter("left_out", reason)
            return False
        self._note_failure(reason)
        return policy in ("retry", "probe")

    def _note_failure(self, reason: str) -> None:
        self._enter("failed", reason)
        if self._asset.sensor.on_failure == "error":
            self._give_up(f"asset {self._asset.name}: {reason}")

    def _enter(self, state: AssetState, reason: str | None) -> None:
        self._handover.put(Delivery(self._position, Change(state, reason)))


def _reason(error: BaseException) -> str:
    if isinstance(error, ProcessError | OverdueError):
        return str(error)
    return f"{type(error).__name__}: {error}"
