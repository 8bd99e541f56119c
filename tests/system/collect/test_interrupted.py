"""Collector and broker may end at any time: nothing is lost and nothing doubled."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
pytestmark = pytest.mark.system


def test_what_comes_while_nobody_collects_is_fetched_later(
    mosquitto: Any,
    collect: Any,
    store: Path,
    message: Any,
    gateway: Any,
    starts_in: Any,
    noon_s: int,
) -> None:
    with gateway(mosquitto.port) as speaker:
        speaker.say(message(noon_s - 1))  # before anybody has asked
        collect(mosquitto.port).ended(signal.SIGTERM)
        speaker.say(*[message(noon_s + i) for i in range(300)])
    collect(mosquitto.port, "--messages", "120").ended()
    counted = collect(mosquitto.port, "--messages", "180").ended()
    assert (counted["stored"], counted["duplicates"]) == (180, 0)
    assert starts_in(store) == [noon_s + i for i in range(300)]


def test_a_killed_collector_loses_and_doubles_nothing(
    mosquitto: Any,
    collect: Any,
    store: Path,
    message: Any,
    gateway: Any,
    starts_in: Any,
    rows_in: Any,
    noon_s: int,
) -> None:
    count = 1000
    running = collect(mosquitto.port, "--write-every", "1s")
    rng = np.random.default_rng(1)
    with gateway(mosquitto.port) as speaker:
        for first in range(0, count, 50):
            # Some windows are late, and some messages come twice.
            windows = [message(noon_s + i) for i in range(first, first + 50)]
            speaker.say(*rng.permutation(np.array([*windows, *windows[:5]], object)).tolist())
            if first % 250 == 200:
                running.kill()
                running = collect(mosquitto.port, "--write-every", "1s", wait=first % 500 == 200)
    running.kill()
    last = collect(mosquitto.port, "--write-every", "1s")
    assert last.waited_for(lambda: rows_in(store) >= count), last.said()
    last.ended(signal.SIGTERM)
    assert starts_in(store) == [noon_s + i for i in range(count)]
    assert rows_in(store) == count


def _journalled(store: Path) -> int:
    """Return how many messages wait in the store's journal."""
    (journal,) = store.rglob("journal.sqlite")
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as database:
        found: int = database.execute("SELECT COUNT(*) FROM waiting").fetchone()[0]
    return found


def test_a_broker_that_restarts_is_waited_for(
    make_mosquitto: Any,
    collect: Any,
    store: Path,
    message: Any,
    gateway: Any,
    starts_in: Any,
    noon_s: int,
) -> None:
    broker = make_mosquitto("allow_anonymous true")
    running = collect(broker.port, "--messages", "2")
    with gateway(broker.port) as speaker:
        speaker.say(message(noon_s))
    # what the broker had not handed on yet would go with it
    assert running.waited_for(lambda: _journalled(store) == 1)
    broker.stop()
    broker.start()
    assert running.waited_for(lambda: running.said().count("connected to") >= 2)
    assert running.waited_for(lambda: "had kept no session" in running.said())
    with gateway(broker.port) as speaker:
        speaker.say(message(noon_s + 1))
    assert running.ended()["connections"] == 2
    assert starts_in(store) == [noon_s, noon_s + 1]
