"""A subscriber that misses nothing: its session outlives its connection, and the broker."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.broker import HOST
from benchmarks.torture.agent import GATEWAY, ROOT
from benchmarks.torture.scenario import TortureError
from edge_agent.daemon.topics import CARRIAGE, OF_GATEWAY

# For the broker: a session's messages wait for it without limit, over an orderly restart too.
BROKER_LINES = ("persistence true", "max_queued_messages 0", "max_inflight_messages 100")
QUEUED = tuple(kind for kind, carriage in CARRIAGE.items() if carriage.stored)

_PATIENCE_S = 120.0
_OF_ASSET = tuple(kind for kind in CARRIAGE if kind not in (*QUEUED, *OF_GATEWAY))


@dataclass(frozen=True, slots=True)
class Heard:
    """One message.

    Attributes:
        asset: that it speaks of.
        kind: last level of its topic.
        said: everything in it, but ``historical``.
        late: ``historical``.
        at_s: when it came; monotonic.
    """

    asset: str
    kind: str
    said: dict[str, Any]
    late: bool
    at_s: float


class Ears:
    """Hears everything that the agent says, in order; counts what is no message as garbled."""

    def __init__(self, port: int) -> None:
        """Subscribe. Raises TortureError."""
        self.heard: list[Heard] = []
        self.garbled = 0
        subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id="torture-ears",
            clean_session=False,
            protocol=MQTTv311,
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_connect = lambda client, *_: client.subscribe(f"{ROOT}/#", 1)
        self._client.connect(HOST, port)
        self._client.loop_start()
        if not subscribed.wait(_PATIENCE_S):
            raise TortureError("the broker accepts no subscription")

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        asset, _, kind = message.topic.removeprefix(f"{ROOT}/{GATEWAY}/").partition("/")
        try:
            said = json.loads(message.payload)
        except ValueError:
            said = {}
        if kind in QUEUED and said.get("asset") == asset:
            late = said.pop("historical")
            self.heard.append(Heard(asset, kind, said, late, time.monotonic()))
        elif kind not in _OF_ASSET and not (kind == "" and asset in OF_GATEWAY):
            self.garbled += 1

    def close(self) -> None:
        """Go."""
        self._client.disconnect()
        self._client.loop_stop()
