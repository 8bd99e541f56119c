"""A rollout to many light gateways on one mosquitto, and what it took."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import psutil

from benchmarks.broker import Broker as Mosquitto
from benchmarks.fleet.enrolled import begin, enroll_many, make_desk
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.fleet.copies import totals
from edge_agent.rollout.fleet.drive import drive
from edge_agent.rollout.mqtt import BrokerClient, connected
from edge_agent.rollout.repository.upload import upload

_SYS = "$SYS/broker/"
_COUNTED = ("messages/received", "messages/sent", "bytes/received", "bytes/sent")
_MB = 1e6
_SETTLE_S = 3.0  # for the broker's own counts, which it publishes every second


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollout took.

    Attributes:
        gateways: how many.
        processes: that they were in.
        succeeded: that proved themselves.
        bundle_bytes: length of the model's file.
        rate_per_min: orders a minute that were allowed.
        seconds: from the first order to the last proof.
        messages_in: that the broker received, for each gateway.
        messages_out: that it sent, for each gateway.
        bytes_in: that it received, for each gateway.
        bytes_out: that it sent, for each gateway.
        broker_mb: resident, with the repository and no gateway.
        broker_mb_peak: while all were connected and moved.
        controller_cpu_s: processor time of the controller, for all.
        controller_mb: resident, in the end.
        gateways_cpu_s: processor time of all gateways.
    """

    gateways: int
    processes: int
    succeeded: int
    bundle_bytes: int
    rate_per_min: float
    seconds: float
    messages_in: float
    messages_out: float
    bytes_in: float
    bytes_out: float
    broker_mb: float
    broker_mb_peak: float
    controller_cpu_s: float
    controller_mb: float
    gateways_cpu_s: float


def measure(gateways: int, processes: int, rate_per_min: float) -> Measured:
    """Roll out to ``gateways``. Raises NoBrokerError."""
    with tempfile.TemporaryDirectory(prefix="edge-fleet-") as name, ExitStack() as stack:
        folder = Path(name)
        mosquitto = Mosquitto(folder, ("sys_interval 1", "max_inflight_messages 100"))
        mosquitto.start()
        stack.callback(mosquitto.stop)
        desk, model, length = make_desk(folder / "home", mosquitto.port)
        enroll_many(desk, gateways, folder / "enrolments")
        broker = Broker(host="127.0.0.1", port=mosquitto.port)
        with connected(broker, "benchmark") as client:
            upload(client, desk.home)
        process = psutil.Process(mosquitto.pid)
        empty_mb = process.memory_info().rss / _MB
        counts = stack.enter_context(_counts(broker))
        fleet = stack.enter_context(_fleet(folder, mosquitto.port, gateways, processes))
        time.sleep(_SETTLE_S)
        before = dict(counts)
        peak = stack.enter_context(_peak(process))
        me = psutil.Process()
        cpu_s, begun_s = _cpu_s(me), time.monotonic()
        rollout = begin(desk, model, rate_per_min)
        _, progress = drive(desk, rollout, lambda _progress: None, threading.Event())
        seconds, used_s = time.monotonic() - begun_s, _cpu_s(me) - cpu_s
        time.sleep(_SETTLE_S)
        took = [(counts[name] - before[name]) / gateways for name in _COUNTED]
        return Measured(
            gateways=gateways,
            processes=processes,
            succeeded=totals(progress).get("succeeded", 0),
            bundle_bytes=length,
            rate_per_min=rate_per_min,
            seconds=seconds,
            messages_in=took[0],
            messages_out=took[1],
            bytes_in=took[2],
            bytes_out=took[3],
            broker_mb=empty_mb,
            broker_mb_peak=peak[0],
            controller_cpu_s=used_s,
            controller_mb=me.memory_info().rss / _MB,
            gateways_cpu_s=sum(_cpu_s(psutil.Process(light.pid)) for light in fleet),
        )


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _counts(broker: Broker) -> Iterator[dict[str, int]]:
    """Keep what the broker says of itself."""
    found = dict.fromkeys(_COUNTED, 0)
    with connected(broker, "benchmark-counts") as client:
        _hear_counts(client, found)
        yield found


def _hear_counts(client: BrokerClient, found: dict[str, int]) -> None:
    for name in _COUNTED:
        client.subscribe(
            f"{_SYS}{name}", lambda topic, payload: found.update({topic[len(_SYS) :]: int(payload)})
        )


@contextmanager
def _fleet(
    folder: Path, port: int, gateways: int, processes: int
) -> Iterator[list["subprocess.Popen[str]"]]:
    """Start the gateways, and wait until all are connected."""
    share = -(-gateways // processes)
    begun = []
    try:
        for first in range(0, gateways, share):
            count = min(share, gateways - first)
            begun.append(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "benchmarks.fleet.light", str(port)),
                        *(str(folder / "enrolments"), str(folder / "state")),
                        *(str(first), str(count)),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        for process in begun:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise RuntimeError("a process of gateways did not start")
        yield begun
    finally:
        for process in begun:
            process.communicate()


@contextmanager
def _peak(process: psutil.Process) -> Iterator[list[float]]:
    """Look at a process's memory every half second; give the most, MB."""
    most, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            most[0] = max(most[0], process.memory_info().rss / _MB)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()
