"""Feature messages as gateways publish them, and what ends up in a store."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from stores import Clock

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.messages import Features
from edge_agent.recordings import open_recording
from trainer.collect.journal import Arrival
from trainer.collect.message import checked

if TYPE_CHECKING:
    from trainer.collect.store import Store

NS = 10**9
MakeMessage = Callable[..., bytes]
MakeArrival = Callable[..., Arrival]


def _message(start_s: float = 0.0, **change: Any) -> bytes:
    fields: dict[str, Any] = {
        "id": f"id-{start_s}",
        "seq": 0,
        "session": "s",
        "gateway": "gw-1",
        "start": rfc3339(round(start_s * NS)),
        "end": rfc3339(round((start_s + 1) * NS)),
        "time_quality": "synchronised",
        "asset": "pump-1",
        "index": 0,
        "unit": "g",
        "values": {"x_rms": float(np.float32(start_s)), "x_peak": 0.1},
        "bias": {"x": 0.5},
        "gap": False,
        "clipped": False,
    }
    return msgspec.json.encode(Features(**(fields | change)))


@pytest.fixture
def make_message() -> MakeMessage:
    """``make_message(start_s, **change)``: the payload, by the agent's own struct."""
    return _message


@pytest.fixture
def make_arrival() -> MakeArrival:
    """``make_arrival(start_s, **change)``: the same as the collector hands it to the store."""

    def make(start_s: float = 0.0, **change: Any) -> Arrival:
        payload = _message(start_s, **change)
        body = msgspec.json.decode(payload)
        topic = f"edge/v1/{body['gateway']}/{body['asset']}/features"
        found = checked("edge/v1", topic, payload)
        return Arrival(found.id, found.place, payload)

    return make


@pytest.fixture
def starts_in() -> Callable[[Path], list[float]]:
    """Starts of the windows of an asset's folder, in seconds, as training reads them."""

    def read(folder: Path) -> list[float]:
        return [block.start_ns / NS for block in open_recording(folder).blocks()]

    return read


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> "Callable[..., Store]":
    from trainer.collect.store import Store  # which needs pyarrow

    def make(**change: Any) -> Store:
        given: dict[str, Any] = {"write_every_s": 60.0, "clock": clock}
        return Store(tmp_path, **(given | change))

    return make
