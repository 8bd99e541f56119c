"""Outbox, store and ledger against a plain model, with crashes, a cap and messages that expire."""

import shutil
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.daemon.config.settings import OutboxSettings
from edge_agent.daemon.ledger import MODELS_NAMED, MessageCounts, violations
from edge_agent.daemon.messages import ModelState
from edge_agent.daemon.outbox import Entry, Outbox, Outgoing, Store
from edge_agent.daemon.outbox.entry import QUEUED
from edge_agent.daemon.outbox.layout import FILE_NAME, numbers_of
from edge_agent.daemon.outbox.store import EXPIRE_EVERY_S
from edge_agent.daemon.topics import Kind

_SHM = Path("/dev") / "shm"
IN_MEMORY = _SHM if _SHM.is_dir() else None  # nothing here is about the disk
ROOM = 6  # messages; each takes one page of 1024 bytes
TTL_H = {"features": 1.0, "score": 2.0, "snapshot": 10.0, "anomaly": 50.0}
GIVEN = OutboxSettings(
    max_mb=ROOM * 1024e-6,
    backlog_per_s=100_000.0,
    **{f"{kind}_ttl_h": hours for kind, hours in TTL_H.items()},
)
COUNTS = tuple(field for field in MessageCounts.__struct_fields__ if field != "pending")


def message(seq: int) -> ModelState:
    text = {"id": str(seq), "session": "s", "gateway": "g", "start": "", "end": ""}
    more = {"asset": "a", "name": "n", "version": "1.0.0", "sha256": "", "begun": "empty"}
    return ModelState(seq=seq, time_quality="unknown", **text, **more)  # type: ignore[arg-type]


def seq_of(outgoing: Outgoing) -> int:
    return int(msgspec.json.decode(outgoing.body)["seq"])


class OutboxMachine(RuleBasedStateMachine):
    """Whatever happens, every message is counted once, and what is pending arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="outbox-", dir=IN_MEMORY))
        self.lives = 0
        self.now_s = 0.0
        self.connected = False
        self.seq = 0
        self.arrived: list[tuple[Kind, int]] = []
        self.pending: dict[Kind, dict[int, float]] = {kind: {} for kind in QUEUED}  # since when
        self.flying: list[Outgoing] = []
        self.answered: list[Outgoing] = []
        self.counts: Counter[tuple[Kind, str]] = Counter()
        self.last_event = -1
        self.expire_due_s = 0.0
        self.begin(self.home / "0")

    def begin(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.outbox = Outbox(GIVEN.backlog_per_s)
        self.store = Store(self.outbox, GIVEN, folder, lambda: self.now_s)
        self.expire_due_s = 0.0

    def teardown(self) -> None:
        self.lose_the_connection()
        self.connect()
        arrived: list[int] = []
        while True:
            self.step()
            outgoing = self.outbox.take()
            if outgoing is None:
                break
            arrived.append(seq_of(outgoing))
            self.flying.append(outgoing)
            self.acknowledge(refused=False, position=0)
        self.step()
        assert not any(self.pending.values())
        assert len(arrived) == len(set(arrived))
        self.store.stop(1.0)
        shutil.rmtree(self.home)

    @rule(kind=st.sampled_from(QUEUED), model=st.sampled_from("abcdefg"))
    def put(self, kind: Kind, model: str) -> None:
        entry = Entry("a", messages=[(kind, f"r/g/a/{kind}", message(self.seq))])
        entry.windows.sampled = entry.windows.scored = entry.windows.models[model] = 1
        self.outbox.put(entry)
        self.arrived.append((kind, self.seq))
        self.seq += 1

    @rule()
    def step(self) -> None:
        self.store.step()
        for outgoing in self.answered:
            del self.pending[outgoing.kind][seq_of(outgoing)]
            self.counts[outgoing.kind, "refused" if outgoing.refused else "acknowledged"] += 1
        self.answered = []
        for kind, seq in self.arrived:
            self.pending[kind][seq] = self.now_s
            self.counts[kind, "queued"] += 1
        self.arrived = []
        flying = {seq_of(outgoing) for outgoing in self.flying}
        if self.now_s >= self.expire_due_s:
            self.expire_due_s = self.now_s + EXPIRE_EVERY_S
            for kind, waiting in self.pending.items():
                ttl_h = TTL_H["anomaly" if kind == "label" else kind]
                for seq, since_s in list(waiting.items()):
                    if since_s < self.now_s - 3600.0 * ttl_h and seq not in flying:
                        del waiting[seq]
                        self.counts[kind, "expired"] += 1
        for kind, waiting in self.pending.items():
            for seq in list(waiting):
                if sum(map(len, self.pending.values())) > ROOM and seq not in flying:
                    del waiting[seq]
                    self.counts[kind, "evicted"] += 1

    @rule()
    def take(self) -> None:
        outgoing = self.outbox.take()
        if outgoing is None:
            return
        assert self.connected
        seq = seq_of(outgoing)
        assert seq in self.pending[outgoing.kind]
        assert seq not in {seq_of(other) for other in (*self.flying, *self.answered)}
        if outgoing.kind == "anomaly":
            assert seq > self.last_event
            self.last_event = seq
        self.flying.append(outgoing)

    @precondition(lambda self: self.flying)
    @rule(refused=st.booleans(), position=st.integers(0, 5))
    def acknowledge(self, *, refused: bool, position: int) -> None:
        outgoing = self.flying.pop(position % len(self.flying))
        self.outbox.settle(outgoing, refused=refused)
        self.answered.append(outgoing)

    @rule()
    def connect(self) -> None:
        if not self.connected:
            self.connected = True
            self.outbox.connection_began()

    @rule()
    def lose_the_connection(self) -> None:
        if self.connected:
            self.connected = False
            self.outbox.connection_ended()
            self.flying = []
            self.last_event = -1

    @rule()
    def crash(self) -> None:
        """What was not committed is gone, and what was answered but not committed is pending."""
        self.lives += 1
        folder = self.home / str(self.lives)
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*-shm"))
        self.store.stop(1.0)
        shutil.rmtree(self.folder)
        self.arrived, self.flying, self.answered = [], [], []
        self.connected, self.last_event = False, -1
        self.begin(folder)

    @rule(hours=st.sampled_from([0.01, 0.5, 1.5]))
    def let_time_pass(self, hours: float) -> None:
        self.now_s += 3600.0 * hours
        self.store._place.database.write_age(durable=False)  # noqa: SLF001 - as the thread does every few seconds

    @invariant()
    def the_ledger_is_exact(self) -> None:
        snapshot = self.store.ledger.snapshot()
        assert violations(snapshot) == []
        for asset in snapshot.assets:
            for kind in QUEUED:
                counts = asset.of(kind)
                assert {name: getattr(counts, name) for name in COUNTS} == {
                    name: self.counts[kind, name] for name in COUNTS
                }
                assert counts.pending == len(self.pending[kind])
            queued = sum(self.counts[kind, "queued"] for kind in QUEUED)
            assert asset.windows.sampled == queued == sum(asset.windows.models.values())
            assert len(asset.windows.models) <= MODELS_NAMED + 1

    @invariant()
    def the_database_holds_what_is_pending(self) -> None:
        reader = sqlite3.connect(f"file:{self.folder / FILE_NAME}?mode=ro", uri=True)
        for kind in QUEUED:
            rows = reader.execute(
                "SELECT body FROM message WHERE number >= ? AND number < ?", numbers_of(kind)
            )
            found = [msgspec.json.decode(body) for (body,) in rows]
            assert [body["seq"] for body in found] == list(self.pending[kind])
            assert all(body["historical"] for body in found)
        reader.close()


OutboxMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestOutboxMachine = OutboxMachine.TestCase
