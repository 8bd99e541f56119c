"""One database in use: commits batches, makes room, lets messages expire, finds the backlog."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from edge_agent.daemon.ledger import AssetLedger, Ledger
from edge_agent.daemon.outbox.contents import Waiting
from edge_agent.daemon.outbox.database import Database
from edge_agent.daemon.outbox.entry import QUEUED, Batch, Mark, Outgoing, asset_of, late
from edge_agent.daemon.outbox.layout import Row, kind_of, numbers_of, size_of
from edge_agent.daemon.topics import Kind

_AT_A_TIME = 64
_IN_MEMORY_FROM = 1 << 47  # so that no number in memory is one of a file

Withdraw = Callable[[Iterable[int]], set[int]]


class Place:
    """Where messages wait: a file, or memory while there is no usable file."""

    def __init__(self, database: Database, max_bytes: int, *, in_memory: bool) -> None:
        """Use ``database`` for at most ``max_bytes`` of messages. Raises as Database.waiting."""
        self.database = database
        self.in_memory = in_memory
        self.found: Waiting = database.waiting()
        self._max_bytes = max_bytes
        self._size = {kind: self.found.size[kind] for kind in QUEUED}
        first = _IN_MEMORY_FROM if in_memory else 0
        self._next = {
            kind: self.found.newest.get(kind, numbers_of(kind)[0] + first) + 1 for kind in QUEUED
        }
        self._cursor = dict.fromkeys(QUEUED, 0)

    @property
    def size(self) -> int:
        """Bytes that the messages take, as they count for the cap."""
        return sum(self._size.values())

    def commit(
        self,
        batch: Batch,
        ledger: Ledger,
        withdraw: Withdraw,
        time_to_live_s: Mapping[Kind, float] | None = None,
    ) -> list[Outgoing]:
        """Commit all of ``batch`` with its counts, and return the messages that may be sent now.

        Args:
            batch: its acknowledged messages are of this place.
            ledger: what is counted so far; takes the new counts once they are committed.
            withdraw: takes messages back from memory, see ``Outbox.withdraw``.
            time_to_live_s: lets older messages expire; None: not this time.

        Raises:
            DamagedError, sqlite3.Error: nothing was committed.
        """
        change = _Change(self, batch.counts, withdraw)
        outgoing = [self._outgoing(*message) for message in batch.messages]
        durable = any(out.kind in ("anomaly", "label") for out in outgoing) and not self.in_memory
        with self.database.transaction(durable=durable):
            for answered in batch.acknowledged:
                change.answered(answered)
            change.insert(outgoing, self.database.age_s)
            if time_to_live_s is not None:
                change.expire(time_to_live_s)
            change.evict(self._max_bytes)
            drafts = [ledger.draft(delta) for delta in change.deltas.values()]
            self.database.write_assets(drafts, batch.marks)
        self._size = change.size
        ledger.accept(drafts)
        return [out for out in outgoing if out.number not in change.evicted]

    def take_over(
        self,
        rows: list[Row],
        moved: list[Outgoing],
        ledger: Ledger,
        marks: dict[str, Mark],
        withdraw: Withdraw,
    ) -> dict[int, int]:
        """Store what waited in another place, and let the ledger say what was lost with that.

        Args:
            rows: of the other place, with ages by this one's clock.
            moved: messages in memory whose own place is gone.
            ledger: of the other place; every asset's counts are written here.
            marks: how far each asset has come, likewise.
            withdraw: as of ``commit``.

        Returns:
            The new number of each of ``rows`` by its old one; those of ``moved`` are set.

        Raises:
            DamagedError, sqlite3.Error: nothing was stored or changed.
        """
        change = _Change(self, {}, withdraw)
        numbers = {row.number: self._number(kind_of(row.number)) for row in rows}
        new = [row._replace(number=numbers[row.number]) for row in rows]
        saved = [
            Outgoing(out.kind, out.topic, out.body, self, self._number(out.kind)) for out in moved
        ]
        with self.database.transaction(durable=not self.in_memory):
            self.database.insert(new)
            for row in new:
                change.size[kind_of(row.number)] += size_of(row.topic, len(row.body))
            change.insert(saved, self.database.age_s, counted=True)
            change.reconcile(ledger, self.database.waiting())
            change.evict(self._max_bytes)
            deltas = change.deltas
            for asset in ledger.snapshot().assets:
                deltas.setdefault(asset.asset, AssetLedger(asset=asset.asset))
            drafts = [ledger.draft(delta) for delta in deltas.values()]
            self.database.write_assets(drafts, marks)
            self.database.write_since(ledger.since)
        self._size = change.size
        ledger.accept(drafts)
        for out, copy in zip(moved, saved, strict=True):
            out.place, out.number = self, copy.number
        return numbers

    def backlog(self, kind: Kind, held: set[int]) -> tuple[list[Outgoing], bool]:
        """Return the next messages that are not in memory, and whether they are the last.

        Raises:
            DamagedError, sqlite3.Error: it cannot be read.
        """
        rows = self.database.rows(kind, self._cursor[kind], _AT_A_TIME)
        if rows:
            self._cursor[kind] = rows[-1].number
        backlog = [
            Outgoing(kind, row.topic, row.body, self, row.number, backlog=True)
            for row in rows
            if row.number not in held
        ]
        return backlog, len(rows) < _AT_A_TIME

    def read_from_the_start(self) -> None:
        """Let ``backlog`` begin with the oldest."""
        self._cursor = dict.fromkeys(QUEUED, 0)

    def _outgoing(self, kind: Kind, topic: str, message: msgspec.Struct) -> Outgoing:
        return Outgoing(kind, topic, msgspec.json.encode(message), self, self._number(kind))

    def _number(self, kind: Kind) -> int:
        number = self._next[kind]
        self._next[kind] += 1
        return number


class _Change:
    """What one transaction does to the counts and sizes; nothing of it holds before its end."""

    def __init__(self, place: Place, counts: dict[str, AssetLedger], withdraw: Withdraw) -> None:
        self._database = place.database
        self._withdraw = withdraw
        self.size = place._size.copy()  # noqa: SLF001 - part of this module
        self.deltas = {asset: delta.copy() for asset, delta in counts.items()}
        self.evicted: set[int] = set()

    def answered(self, outgoing: Outgoing) -> None:
        """Remove what the broker has answered."""
        if not self._database.delete(outgoing.number):
            return
        counts = self._of(outgoing.asset).of(outgoing.kind)
        counts.pending -= 1
        counts.refused += outgoing.refused
        counts.acknowledged += not outgoing.refused
        self.size[outgoing.kind] -= size_of(outgoing.topic, len(late(outgoing.body)))

    def insert(self, messages: list[Outgoing], age_s: float, *, counted: bool = False) -> None:
        """Add messages; ``counted`` where they are pending in the ledger already."""
        rows = [Row(out.number, age_s, out.topic, late(out.body)) for out in messages]
        self._database.insert(rows)
        for out, row in zip(messages, rows, strict=True):
            self.size[out.kind] += size_of(row.topic, len(row.body))
            if not counted:
                self._of(out.asset).of(out.kind).pending += 1

    def expire(self, time_to_live_s: Mapping[Kind, float]) -> None:
        """Remove what is too old; what is on its way may still arrive."""
        for kind, seconds in time_to_live_s.items():
            oldest_s = self._database.age_s - seconds
            after = 0
            while rows := self._database.rows(kind, after, _AT_A_TIME):
                old = [row for row in rows if row.made_s < oldest_s]
                for row in self._remove(kind, old):
                    self._of(asset_of(row.topic)).of(kind).expired += 1
                if len(old) < len(rows):
                    break
                after = rows[-1].number

    def evict(self, max_bytes: int) -> None:
        """Make room: the oldest of the least important kind goes first."""
        for kind in QUEUED if sum(self.size.values()) > max_bytes else ():
            after = 0
            while (excess := sum(self.size.values()) - max_bytes) > 0:
                rows = self._database.rows(kind, after, _AT_A_TIME)
                if not rows:
                    break
                doomed = _as_many_as(rows, excess)
                after = doomed[-1].number
                for row in self._remove(kind, doomed):
                    self._of(asset_of(row.topic)).of(kind).evicted += 1
                    self.evicted.add(row.number)

    def reconcile(self, ledger: Ledger, waiting: Waiting) -> None:
        """Count as lost what is pending by the ledger but is not there."""
        for asset in ledger.snapshot().assets:
            for kind, counts in asset.messages.items():
                missing = counts.pending - waiting.messages[asset.asset, kind]
                if missing:
                    changed = self._of(asset.asset).of(kind)
                    changed.pending -= missing
                    changed.lost += missing

    def _remove(self, kind: Kind, rows: list[Row]) -> list[Row]:
        free = self._withdraw(row.number for row in rows) if rows else set()
        removed = [row for row in rows if row.number in free and self._database.delete(row.number)]
        for row in removed:
            self.size[kind] -= size_of(row.topic, len(row.body))
            self._of(asset_of(row.topic)).of(kind).pending -= 1
        return removed

    def _of(self, asset: str) -> AssetLedger:
        return self.deltas.setdefault(asset, AssetLedger(asset=asset))


def _as_many_as(rows: list[Row], excess: int) -> list[Row]:
    for count, row in enumerate(rows, 1):
        excess -= size_of(row.topic, len(row.body))
        if excess <= 0:
            return rows[:count]
    return rows
