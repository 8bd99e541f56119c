"""A store being written: every message once, durable when ``add`` returns, in Parquet later."""

import fcntl
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from edge_agent.disk import DISK
from edge_agent.recordings import RecordingError
from edge_agent.recordings.feature_store import StoredSet
from trainer.collect import parts
from trainer.collect.journal import Arrival, Backlog, Journal, Plan, new_client_id
from trainer.collect.labels import Labels
from trainer.collect.message import Place, decode
from trainer.collect.rejects import Rejects

_log = logging.getLogger(__name__)

ROWS_PER_FILE = 50_000
SMALL_FILES_MAX = 16  # of one day, before they are merged although it is not over
DAY_GRACE_S = 3600.0
_STATE = "_collect"  # readers of partitioned folders pass over names that begin so


class StoreError(Exception):
    """The folder cannot be written as a store; the text says why."""


class Store:
    """The store in a folder, held by this process alone."""

    def __init__(
        self,
        folder: Path,
        *,
        write_every_s: float,
        rows_per_file: int = ROWS_PER_FILE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the store, or begin it, and finish what a kill has left half done.

        Args:
            folder: made where it is missing.
            write_every_s: a row waits at most so long before it gets into a file.
            rows_per_file: rows of a place that make a file at once.
            clock: seconds since 1970.

        Raises:
            StoreError: another collector has it.
            JournalError: its journal cannot be used.
            OSError: it cannot be written.
        """
        self._folder = folder
        self._write_every_s = write_every_s
        self._rows_per_file = rows_per_file
        self._clock = clock
        state = folder / _STATE
        state.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._journal = self._open(state)
        except BaseException:
            os.close(self._lock)
            raise
        self.rejects = Rejects(state / "rejects.jsonl")
        self.labels = Labels(folder)
        self.client_id = self._journal.fact("client_id", new_client_id())

    def _open(self, state: Path) -> Journal:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{self._folder}: another collector writes to it") from None
        journal = Journal(state / "journal.sqlite")
        try:
            if journal.is_new:
                self._take_stock(journal)
            self._journal = journal
            for plan in journal.plans():
                self._carry_out(plan)
        except BaseException:
            journal.close()
            raise
        return journal

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; what waits for a file waits on the disk."""
        self._journal.close()
        os.close(self._lock)

    @property
    def subscribed(self) -> tuple[str, ...]:
        """Topic filters that the broker may still keep for this store."""
        return tuple(self._journal.fact("subscribed", "").split())

    @subscribed.setter
    def subscribed(self, filters: Sequence[str]) -> None:
        self._journal.keep_fact("subscribed", " ".join(filters))

    def add(self, arrivals: Sequence[Arrival], room: int) -> tuple[int, int]:
        """Make messages safe; see Journal.add."""
        return self._journal.add(arrivals, self._clock(), room)

    def tidy(self) -> Iterator[None]:
        """Write and merge what is due, a file at a time; between two of them there is time."""
        now_s = self._clock()
        for backlog in self._journal.backlogs():
            if self._is_due(backlog, now_s):
                yield from self._write(backlog.place)
        # A day is over when even what was held up for a while has come.
        today = datetime.fromtimestamp(now_s - DAY_GRACE_S, UTC).strftime("%Y-%m-%d")
        for place in self._journal.scattered(today, SMALL_FILES_MAX):
            yield from self._merge(place)

    def write_all(self) -> None:
        """Write whatever waits, and merge what is due."""
        for backlog in self._journal.backlogs():
            for _ in self._write(backlog.place):
                pass
        for _ in self.tidy():
            pass

    def _is_due(self, backlog: Backlog, now_s: float) -> bool:
        waited_s = now_s - backlog.since_s
        # A clock that was set back must not keep rows waiting until it has caught up.
        return backlog.rows >= self._rows_per_file or not 0 <= waited_s < self._write_every_s

    def _write(self, place: Place) -> Iterator[None]:
        while rows := self._journal.waiting(place, self._rows_per_file):
            of_set = defaultdict[tuple[frozenset[str], str | None], list[int]](list)
            for number, payload in rows:
                of_set[_sameness(decode(payload).set)].append(number)
            for numbers in of_set.values():
                self._carry_out(self._journal.plan(place, numbers))
                yield

    def _merge(self, place: Place) -> Iterator[None]:
        try:
            for names in self._small_files(place):
                if len(names) > 1:
                    self._carry_out(self._journal.plan(place, (), names))
                    yield
        except RecordingError as error:
            _log.warning("the files of one day stay as they are: %s", error)
        self._journal.tidied(place)

    def _small_files(self, place: Place) -> list[list[str]]:
        """Group the files of ``place`` that may become one, by their feature set."""
        groups: dict[tuple[frozenset[str], str | None], list[list[str]]] = {}
        counts: dict[tuple[frozenset[str], str | None], int] = {}
        for file in sorted((self._folder / place.folder).glob("part-*.parquet")):
            rows, stored = parts.rows_and_set(file)
            if rows >= self._rows_per_file:
                continue
            key = _sameness(stored)
            if key not in groups or counts[key] + rows > self._rows_per_file:
                groups.setdefault(key, []).append([])
                counts[key] = 0
            groups[key][-1].append(file.name)
            counts[key] += rows
        return [names for of_set in groups.values() for names in of_set]

    def _carry_out(self, plan: Plan) -> None:
        folder = self._folder / plan.place.folder
        path = folder / plan.name
        if not plan.replaces:
            payloads = self._journal.planned_rows(plan)
            if payloads:
                parts.write_messages(path, [decode(payload) for payload in payloads])
        else:
            # A file is renamed to its name only when it is complete: then the old ones may be gone.
            if not path.exists():
                parts.merge(path, [folder / name for name in plan.replaces])
            for name in plan.replaces:
                (folder / name).unlink(missing_ok=True)
            DISK.sync(folder)
        self._journal.done(plan)

    def _take_stock(self, journal: Journal) -> None:
        """Learn from the files what a journal that is gone knew."""
        last = 0
        for file in sorted(self._folder.glob("gateway=*/asset=*/day=*/part-*.parquet")):
            parts.rows_and_set(file)
            journal.know(parts.ids_of(file))
            last = max(last, int(file.stem.removeprefix("part-")))
        journal.number_from(last)


def _sameness(stored: StoredSet) -> tuple[frozenset[str], str | None]:
    return frozenset(stored.features), stored.unit
