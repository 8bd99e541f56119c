"""The daemon's outbox and ledger under kill -9, broker outages, and disks that are full or fail."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from waiting import wait_until

from edge_agent.daemon.ledger import LedgerSnapshot, MessageCounts, violations
from edge_agent.daemon.outbox.inspect import UnavailableError, check, read_stats
from edge_agent.daemon.outbox.layout import FILE_NAME

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]
NAMES = ("pump-1", "pump-2", "pump-3")
BUSY = "interval_s = 0.02\nloud_from = 15\nquiet_from = 40"
SILENT = "silent_from = 0"


def counted(agent: Any, kind: Any) -> MessageCounts:
    """What the ledger on the disk says of all assets."""
    total = MessageCounts()
    try:
        ledger = read_stats(agent.config.parent / "state", 1).ledger
    except UnavailableError:
        return total
    for asset in ledger.assets:
        total.add(asset.of(kind))
    return total


def has_heard(ears: list[Any], kind: str, messages: int) -> bool:
    return len(ids(ears, kind)) == messages


def has_queued(agent: Any, scores: int) -> bool:
    return counted(agent, "score").queued >= scores


def ids(ears: list[Any], kind: str) -> set[str]:
    return {m.body["id"] for e in ears for m in e.heard if m.topic.endswith(f"/{kind}")}


def assert_contents_differ_by_id(ears: list[Any]) -> None:
    """One id is one message, but for the mark that it comes late."""
    seen: dict[str, dict[str, Any]] = {}
    for heard in (m for e in ears for m in e.heard):
        body = {**heard.body, "historical": None}
        assert seen.setdefault(body["id"], body) == body


def assert_events_are_whole(ears: list[Any]) -> None:
    """No anomaly opens twice, none closes before it opened, no number is used again."""
    for name in NAMES:
        events: dict[str, Any] = {}
        for heard in (m for e in ears for m in e.heard if m.topic.endswith(f"/{name}/anomaly")):
            events.setdefault(heard.body["id"], heard.body)
        said: dict[int, list[str]] = {}
        owner: dict[int, str] = {}
        for body in events.values():
            said.setdefault(body["number"], []).append(body["event"])
            assert owner.setdefault(body["number"], body["anomaly_id"]) == body["anomaly_id"]
        for number, kinds in said.items():
            assert (kinds[0], kinds.count("open")) == ("open", 1), (name, number, kinds)
            assert kinds.count("close") <= 1
            assert "close" not in kinds[:-1]


@pytest.mark.parametrize("broker_is_there", [True, False], ids=["connected", "without a broker"])
def test_kill_loses_and_doubles_nothing_and_the_ledger_stays_exact(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe, *, broker_is_there: bool
) -> None:
    chance = random.Random(4)  # noqa: S311 - any moments will do
    ears = [subscribe(mosquitto.port)]
    if not broker_is_there:
        mosquitto.stop()
    for _ in range(5):
        agent = start_agent(mosquitto.port, dict.fromkeys(NAMES, BUSY))
        before = counted(agent, "score").queued
        assert wait_until(partial(has_queued, agent, before + 60))
        time.sleep(chance.uniform(0.0, 0.3))
        agent.stop(signal.SIGKILL)
        assert check(agent.config.parent / "state").problems == ()
    if not broker_is_there:
        mosquitto.start()
        ears.append(subscribe(mosquitto.port))
    last = start_agent(mosquitto.port, dict.fromkeys(NAMES, SILENT), outbox="backlog_per_s = 2000")
    assert wait_until(lambda: all(counted(last, k).pending == 0 for k in ("score", "anomaly"))), (
        last.said()
    )
    for kind in ("score", "anomaly"):
        counts = counted(last, kind)
        assert counts.queued == counts.acknowledged > 0
        assert wait_until(partial(has_heard, ears, kind, counts.queued))
    assert_contents_differ_by_id(ears)
    assert_events_are_whole(ears)
    for name in NAMES:
        scores = [m for e in ears for m in e.heard if m.topic.endswith(f"/{name}/score")]
        indices = {m.body["index"] for m in scores}
        assert indices == set(range(len(indices)))
    status = ears[-1].of("/status")[-1].body
    assert violations(msgspec.convert(status["ledger"], LedgerSnapshot)) == []
    assert last.stop()[0] == 0
    assert violations(read_stats(last.config.parent / "state", 1).ledger) == []


def test_live_goes_before_backlog_and_backlog_is_paced(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    mosquitto.stop()
    agent = start_agent(
        mosquitto.port,
        {"pump-1": "interval_s = 0.02\nloud_from = 15\nquiet_from = 40"},
        outbox="backlog_per_s = 25",
    )
    assert wait_until(lambda: counted(agent, "score").pending > 200)
    with agent.halted():
        mosquitto.start()
        ears = subscribe(mosquitto.port)
    assert wait_until(lambda: counted(agent, "score").pending < 5)
    late = [m for m in ears.of("/score") if m.body["historical"]]
    assert len(late) > 200
    # What is late takes eight seconds and more; what is live did not wait for the end of that.
    heard = [m.body["historical"] for m in ears.of("/score")]
    assert heard.index(False) < len(late) / 2
    # Seen from here two messages may be further apart than they left, but not by seconds closer.
    assert len(late) / (late[-1].at_s - late[0].at_s) < 1.3 * 25.0
    assert [m.body["index"] for m in late] == sorted(m.body["index"] for m in late)
    newest = max(m.body["seq"] for m in ears.of("/score"))  # others may still be on their way
    assert wait_until(lambda: {m.body["seq"] for m in ears.of("/score")} >= set(range(newest + 1)))
    events = [m.body["event"] for m in ears.of("/anomaly")]
    assert (events[0], events[-1]) == ("open", "close")


def test_the_cap_evicts_scores_and_keeps_events(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    mosquitto.stop()
    agent = start_agent(
        mosquitto.port,
        {"pump-1": "interval_s = 0.0\nblocks = 2500\nloud_from = 15\nquiet_from = 40"},
        outbox="max_mb = 1.0\nbacklog_per_s = 5000",
    )
    assert wait_until(lambda: counted(agent, "score").queued == 2500)
    file = agent.config.parent / "state" / FILE_NAME
    assert file.stat().st_size < 1.3e6
    counts = counted(agent, "score")
    assert counts.evicted > 1000
    with agent.halted():
        mosquitto.start()
        ears = subscribe(mosquitto.port)
    assert wait_until(lambda: counted(agent, "score").pending == 0)
    assert wait_until(lambda: len(ids([ears], "score")) == 2500 - counted(agent, "score").evicted)
    assert wait_until(lambda: {m.body["event"] for m in ears.of("/anomaly")} >= {"open", "close"})
    assert check(agent.config.parent / "state").problems == ()


def test_a_damaged_database_is_set_aside_and_reported_and_the_agent_goes_on(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": "interval_s = 0.05"})
    assert wait_until(lambda: len(ears.of("/score")) > 5)
    agent.stop(signal.SIGKILL)
    file = agent.config.parent / "state" / FILE_NAME
    file.with_name(f"{FILE_NAME}-wal").write_bytes(b"\xff" * 4096)
    file.write_bytes(b"\xff" * 4096)
    heard = len(ears.of("/score"))
    agent = start_agent(mosquitto.port, {"pump-1": "interval_s = 0.05"})
    assert wait_until(lambda: list(file.parent.glob(f"{FILE_NAME}.corrupt-*"))), agent.said()
    assert wait_until(lambda: ears.of("/status")[-1].body["outbox"]["set_aside"] == 1)
    assert wait_until(lambda: len(ears.of("/score")) > heard + 20)
    assert_contents_differ_by_id([ears])
    assert agent.stop()[0] == 0
    assert check(file.parent).problems == ()


def test_a_damaged_state_file_is_made_good_by_what_was_recorded_and_it_counts_on(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": "interval_s = 0.02"})
    assert wait_until(lambda: len(ears.of("/score")) > 20)
    assert agent.stop()[0] == 0
    (saved,) = (agent.config.parent / "state" / "assets").iterdir()
    saved.write_bytes(b"\x93\x01")
    session = ears.of("/score")[0].body["session"]
    again = start_agent(mosquitto.port, {"pump-1": "interval_s = 0.02"})

    def indices(*, first_run: bool) -> list[int]:
        heard = [m.body for m in ears.of("/score")]
        return [body["index"] for body in heard if (body["session"] == session) is first_run]

    assert wait_until(lambda: indices(first_run=False)), again.said()
    assert indices(first_run=False)[0] == max(indices(first_run=True)) + 1
    assert wait_until(lambda: ears.of("/model")[-1].body["begun"] == "warmed")
    assert wait_until(lambda: "is not usable" in again.said())


@pytest.fixture
def small_disk(bundle_file: Path) -> tuple[str, ...]:
    """A command that runs another one with a small disk of its own as the state directory."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("mounting needs root and unshare")
    folder = bundle_file.with_name("state")
    folder.mkdir()
    script = f'mount -t tmpfs -o size=2m small {folder} && eval "$PREPARE" && exec "$@"'
    command = ("unshare", "-m", "sh", "-c", script, "sh")
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    return command


def test_a_full_disk_stops_neither_scoring_nor_sending(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe, small_disk: tuple[str, ...]
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": "interval_s = 0.02"}, before=small_disk)
    assert wait_until(lambda: len(ears.of("/score")) > 5), agent.said()
    state = Path(f"/proc/{agent.process.pid}/root{agent.config.parent}/state")
    filling = state / "filling"
    subprocess.run(["dd", "if=/dev/zero", f"of={filling}"], capture_output=True, check=False)
    assert wait_until(lambda: not ears.of("/status")[-1].body["outbox"]["durable"]), agent.said()
    assert "full" in ears.of("/status")[-1].body["outbox"]["problem"]
    heard = len(ears.of("/score"))
    assert wait_until(lambda: len(ears.of("/score")) > heard + 50)
    filling.unlink()
    assert wait_until(lambda: ears.of("/status")[-1].body["outbox"]["durable"]), agent.said()
    assert wait_until(lambda: len(ears.of("/score")) > heard + 100)
    inside = ["nsenter", f"--mount=/proc/{agent.process.pid}/ns/mnt", sys.executable]
    fsck = ["-m", "edge_agent.cli.agent", "outbox", "fsck", "--config", str(agent.config)]
    done = subprocess.run([*inside, *fsck], capture_output=True, text=True, check=False)
    assert (done.returncode, ": sound; " in done.stdout) == (0, True), done.stderr
    assert agent.stop()[0] == 0
    indices = [m.body["index"] for m in ears.of("/score")]
    assert indices == list(range(len(indices)))
    total = ears.of("/status")[-1].body["ledger"]["assets"][0]["messages"]["score"]
    assert total["evicted"] + total["lost"] + total["expired"] == 0


def test_a_read_only_disk_stops_neither_scoring_nor_sending(
    mosquitto: Any,
    start_agent: StartAgent,
    subscribe: Subscribe,
    small_disk: tuple[str, ...],
    bundle_file: Path,
) -> None:
    ears = subscribe(mosquitto.port)
    folder = bundle_file.with_name("state")
    agent = start_agent(
        mosquitto.port,
        {"pump-1": "interval_s = 0.02"},
        before=small_disk,
        PREPARE=f"mkdir {folder}/assets && touch {folder}/lock && mount -o remount,ro {folder}",
    )
    assert wait_until(lambda: len(ears.of("/score")) > 50), agent.said()
    assert wait_until(lambda: not ears.of("/status")[-1].body["outbox"]["durable"])
    where = f"--mount=/proc/{agent.process.pid}/ns/mnt"
    remount = ["mount", "-o", "remount,rw", str(folder)]
    subprocess.run(["nsenter", where, *remount], check=True)
    assert wait_until(lambda: ears.of("/status")[-1].body["outbox"]["durable"]), agent.said()
    assert agent.stop()[0] == 0
    total = ears.of("/status")[-1].body["ledger"]["assets"][0]["messages"]["score"]
    assert total["acknowledged"] + total["pending"] == total["queued"] > 50
