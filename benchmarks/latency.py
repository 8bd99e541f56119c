"""From the end of a window's samples to the score at a subscriber, through a real broker."""

import json
import threading
import time
from datetime import datetime
from pathlib import Path
from statistics import quantiles

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import daemon
from benchmarks.broker import HOST, running_broker
from benchmarks.bundles import file_name
from benchmarks.figure import Comparison, Figure, Goal, Reference, figure

GOAL = Goal(kind="at_most", wanted=20.0, aim=10.0)
ASSETS = 50

_BARE = "bare/round-trip"
_BARE_INTERVAL_S = 0.05
_SETTLE_S = 3.0  # threads start, caches fill, the first windows bunch
_PAYLOAD = bytes(700)  # as long as a score message
_MS = 1e3
_NS_PER_MS = 1e6
_PATIENCE_S = 120.0

Arrivals = list[tuple[int, bytes]]


class Subscriber:
    """Notes when each message came; reads it later, so as not to be late for the next."""

    def __init__(self, port: int) -> None:
        """Listen to what the agent on the broker at ``port`` says."""
        self.scores: Arrivals = []
        self.bare: list[int] = []
        self.topics: set[str] = set()
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(HOST, port)
        scores = f"{daemon.ROOT}/{daemon.GATEWAY}/+/score"
        self._client.subscribe([(scores, 1), (_BARE, 1)])
        self._client.loop_start()
        subscribed.wait(_PATIENCE_S)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        now_ns = time.time_ns()
        if message.topic == _BARE:
            self.bare.append(now_ns)
        else:
            self.scores.append((now_ns, bytes(message.payload)))
            self.topics.add(message.topic)

    def wait_for(self, assets: int) -> bool:
        """Wait until every asset was heard of."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline_s:
            if len(self.topics) == assets:
                return True
            time.sleep(0.05)
        return False

    def close(self) -> None:
        """Listen no more."""
        self._client.disconnect()
        self._client.loop_stop()


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure 50 assets of 4096 samples a second, spread over the second."""
    bundle = folder / file_name(daemon.LENGTH, 1)
    lasting_s = 4.0 if quick else 40.0
    with running_broker(folder) as port:
        heard = Subscriber(port)
        try:
            config = daemon.write_config(folder / "latency", bundle, port, ASSETS)
            with daemon.running_agent(config):
                if not heard.wait_for(ASSETS):
                    raise daemon.failure(config, "not every asset was scored")
                time.sleep(_SETTLE_S)
                began_ns = time.time_ns()
                sent = _publish_bare(port, lasting_s)
        finally:
            heard.close()
    arrivals = [arrival for arrival in heard.scores if began_ns <= arrival[0]]
    late = [late_ms(came_ns, payload) for came_ns, payload in arrivals]
    if len(late) < ASSETS:
        raise daemon.failure(config, f"only {len(late)} scores came")
    bare = [(came - went) / _NS_PER_MS for went, came in zip(sent, heard.bare, strict=False)]
    return [_figure(99, late, bare, GOAL), _figure(50, late, bare, None)]


def _publish_bare(port: int, lasting_s: float) -> list[int]:
    """Publish to ourselves for a while; return when each message went."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect(HOST, port)
    client.loop_start()
    sent = []
    end_s = time.monotonic() + lasting_s
    while time.monotonic() < end_s:
        sent.append(time.time_ns())
        client.publish(_BARE, _PAYLOAD, qos=1).wait_for_publish(_PATIENCE_S)
        time.sleep(_BARE_INTERVAL_S)
    client.disconnect()
    client.loop_stop()
    return sent


def late_ms(came_ns: int, payload: bytes) -> float:
    """Return how long after the end of its window a score came."""
    end = datetime.fromisoformat(json.loads(payload)["end"])
    return (came_ns / _NS_PER_MS) - end.timestamp() * _MS


def _figure(percent: int, late: list[float], bare: list[float], goal: Goal | None) -> Figure:
    own, reference = percentile(late, percent), percentile(bare, percent)
    return figure(
        f"latency_p{percent}",
        f"end of a window's samples to its score at a subscriber, {ASSETS} assets of 4096 samples"
        f" a second: {percent}th percentile of the messages",
        "ms",
        Comparison(
            (own,),
            (Reference(what="a bare publish and receive", value=reference, ratio=reference / own),),
        ),
        goal,
        {"messages": float(len(late)), "longest_ms": max(late)},
    )


def percentile(values: list[float], percent: int) -> float:
    """Return one percentile of ``values``."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]
