"""From the start of ``edge-agent run`` to the first score at a subscriber."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import daemon
from benchmarks.broker import HOST, running_broker
from benchmarks.bundles import file_name
from benchmarks.figure import Figure, Goal, compared, figure

GOAL = Goal(kind="at_most", wanted=1.0, aim=0.7)
_PATIENCE_S = 120.0
_SCORES = f"{daemon.ROOT}/{daemon.GATEWAY}/+/score"


class _FirstScore:
    """Notes when the first score message came, and the first with a number in it."""

    def __init__(self, port: int) -> None:
        self.first_s: float | None = None
        self.scored_s: float | None = None
        self.done = threading.Event()
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(HOST, port)
        self._client.subscribe(_SCORES, qos=1)
        self._client.loop_start()
        subscribed.wait(_PATIENCE_S)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        now_s = time.monotonic()
        self.first_s = self.first_s or now_s
        if b'"score":null' not in message.payload:
            self.scored_s = now_s
            self.done.set()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure a gateway's first start, which verifies the bundle, and a start after that.

    One start beforehand compiles the agent's modules, as an installation does.
    """
    bundle = folder / file_name(daemon.LENGTH, 1)
    fresh: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    imports: list[float] = []
    with running_broker(folder) as port:
        _start(daemon.write_config(folder / "start", bundle, port, 1, speedup=0.0), port)
        for turn in range(2 if quick else 9):
            config = daemon.write_config(folder / f"start-{turn}", bundle, port, 1, speedup=0.0)
            imports.append(_import_numpy_s())
            fresh.append(_start(config, port))
            again.append(_start(config, port))
    return [
        _figure("start_first", "the first start, which verifies the bundle,", fresh, imports),
        _figure("start_again", "a later start", again, imports),
    ]


def _figure(name: str, which: str, runs: list[tuple[float, float]], imports: list[float]) -> Figure:
    scored = sorted(scored_s for _, scored_s in runs)
    return figure(
        name,
        f"from exec of `edge-agent run`, {which} to the first score message at a subscriber,"
        " blocks coming at once",
        "s",
        compared([first_s for first_s, _ in runs], {"python -c 'import numpy'": imports}),
        GOAL,
        {"first_number_s": scored[len(scored) // 2]},
    )


def _start(config: Path, port: int) -> tuple[float, float]:
    """Return seconds to the first score message, and to the first with a number."""
    heard = _FirstScore(port)
    try:
        began_s = time.monotonic()
        with daemon.running_agent(config):
            if not heard.done.wait(_PATIENCE_S) or None in (heard.first_s, heard.scored_s):
                raise daemon.failure(config, "no score came")
        return (heard.first_s or 0.0) - began_s, (heard.scored_s or 0.0) - began_s
    finally:
        heard.close()


def _import_numpy_s() -> float:
    began_s = time.monotonic()
    subprocess.run([sys.executable, "-c", "import numpy"], check=True)
    return time.monotonic() - began_s
