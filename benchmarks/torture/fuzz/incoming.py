"""Feature messages as ``edge-trainer collect`` takes them from anybody who may publish."""

import json
import random
from pathlib import Path

import numpy as np

from benchmarks.torture.fuzz.mutate import as_json, mutated, mutated_tree
from benchmarks.torture.fuzz.target import Allowed
from trainer.collect.journal import Arrival
from trainer.collect.message import FeatureMessage, MessageError, checked
from trainer.collect.store import Store

_ROOT_TOPIC = "edge/v1"
_TOPIC = f"{_ROOT_TOPIC}/gw-1/pump-1/features"
_KEPT_TOGETHER = 500
_MESSAGE = {
    "schema": "edge-agent/features/1",
    "id": "0123456789abcdef0123456789abcdef",
    "seq": 0,
    "session": "0123456789abcdef",
    "gateway": "gw-1",
    "asset": "pump-1",
    "start": "2026-03-01T12:00:00.000000000Z",
    "end": "2026-03-01T12:00:01.000000000Z",
    "historical": False,
    "time_quality": "synchronised",
    "index": 7,
    "unit": "g",
    "values": {"x_rms": 0.1, "x_kurtosis": 3.1, "x_peak": None},
    "bias": {"x": 0.98},
    "gap": False,
    "clipped": False,
}
_WORDS = (
    b"null", b"true", b"NaN", b"Infinity", b"1e999", b"-0", b"{}", b"[]", b'""', b'"\\ud800"',
    b'"\\u0000"', b"[" * 3000, b'{"a":' * 3000, b"9" * 400, b"0." + b"0" * 400 + b"1", b"\xff",
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"schema":"edge-agent/score/1",', b",", b":", b'"',
)  # fmt: skip


class Incoming:
    """Checks a message, and keeps what was let through, as files in the end."""

    allowed: Allowed = (MessageError,)

    def __init__(self, folder: Path) -> None:
        """Begin a store."""
        self._store = Store(folder / f"store-{len(list(folder.iterdir()))}", write_every_s=1e9)
        self._waiting: list[Arrival] = []

    def feed(self, number: int, rng: random.Random) -> None:
        """Take one."""
        if rng.random() < 0.5:  # noqa: PLR2004 - half of them
            payload = mutated(json.dumps(_MESSAGE).encode(), rng, _WORDS)
        else:
            payload = as_json(mutated_tree(_MESSAGE, rng))
        topic = _TOPIC
        if rng.random() < 0.1:  # noqa: PLR2004 - few of them
            topic = mutated(_TOPIC.encode(), rng).decode(errors="replace")
        message = checked(_ROOT_TOPIC, topic, payload)
        _hold(message)
        self._waiting.append(Arrival(f"{number}", message.place, payload))
        if len(self._waiting) >= _KEPT_TOGETHER:
            self._keep()

    def _keep(self) -> None:
        _, dealt_with = self._store.add(self._waiting, len(self._waiting))
        if dealt_with != len(self._waiting):
            raise AssertionError(f"{dealt_with} of {len(self._waiting)} messages kept")
        self._waiting.clear()

    def close(self) -> None:
        """Write what was let through to Parquet files."""
        self._keep()
        self._store.write_all()
        self._store.__exit__()


def _hold(message: FeatureMessage) -> None:
    """What was let through must be what the store can hold."""
    numbers = [value for value in message.values.values() if value is not None]
    if not np.isfinite(np.array(numbers, dtype=np.float32)).all():
        raise AssertionError(f"let through: {numbers}")
    if "/" in message.place.gateway or ".." in (message.place.gateway, message.place.asset):
        raise AssertionError(f"a place outside of the store: {message.place}")
