"""An outbox with its store, driven step by step on a clock of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from edge_agent.daemon.config.settings import OutboxSettings
from edge_agent.daemon.ledger import MessageCounts, WindowCounts, violations
from edge_agent.daemon.messages import ModelState, Score
from edge_agent.daemon.outbox import Entry, Mark, Outbox, Outgoing, Store
from edge_agent.daemon.topics import Kind


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


def message(seq: int) -> ModelState:
    """Any message will do: the outbox looks at the kind it is put under."""
    return ModelState(
        id=str(seq),
        seq=seq,
        session="s",
        gateway="g",
        start="",
        end="",
        time_quality="unknown",
        asset="a",
        name="n",
        version="1.0.0",
        sha256="",
        begun="empty",
    )


def number_of(outgoing: Outgoing) -> int:
    return int(msgspec.json.decode(outgoing.body)["seq"])


@dataclass
class Rig:
    """What the daemon has, without threads."""

    folder: Path
    settings: OutboxSettings = field(default_factory=OutboxSettings)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin anew, as a process that was started; what ran before was killed."""
        self.outbox = Outbox(self.settings.backlog_per_s)
        self.store = Store(self.outbox, self.settings, self.folder, self.clock)

    def put(self, kind: Kind, seq: int, asset: str = "a", mark: Mark | None = None) -> None:
        windows = WindowCounts(sampled=1, scored=1, models={"m": 1})
        messages = [(kind, f"r/g/{asset}/{kind}", message(seq))]
        self.outbox.put(Entry(asset, windows, messages, mark))  # type: ignore[arg-type]

    def put_score(self, asset: str, index: int) -> None:
        """Put a score as the announcer does."""
        score = Score(
            id=str(index),
            seq=index,
            session="s",
            gateway="g",
            start="",
            end="",
            time_quality="unknown",
            asset=asset,
            index=index,
            score=1.0,
            threshold=2.0,
            level_score=None,
            level_threshold=None,
            anomaly=False,
            reason=None,
            unit="g",
            bias={},
            gap=False,
            clipped=False,
            model_sha256="",
        )
        counts = WindowCounts(sampled=1, scored=1, models={"m": 1})
        self.outbox.put(Entry(asset, counts, [("score", f"r/g/{asset}/score", score)]))

    def taken(self) -> list[Outgoing]:
        """Take all that may be sent now."""
        taken: list[Outgoing] = []
        while True:
            self.store.step()
            out = self.outbox.take()
            if out is None:
                return taken
            taken.append(out)

    def sent(self) -> list[int]:
        """Take all, acknowledge it, and return the numbers."""
        numbers = []
        while out := self.taken():
            for outgoing in out:
                numbers.append(number_of(outgoing))
                self.outbox.settle(outgoing)
        self.store.step()
        return numbers

    def counts(self, kind: Kind, asset: str = "a") -> MessageCounts:
        snapshot = self.store.ledger.snapshot()
        assert violations(snapshot) == []
        (found,) = [entry for entry in snapshot.assets if entry.asset == asset]
        return found.of(kind)


MakeRig = Callable[..., Rig]


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[MakeRig]:
    """``make_rig(**settings)``; a fast pace unless told otherwise."""
    made: list[Rig] = []

    def make(**settings: float) -> Rig:
        given = {"backlog_per_s": 100_000.0, **settings}
        made.append(Rig(tmp_path, OutboxSettings(**given)))
        return made[-1]

    yield make
    for rig in made:
        rig.store.stop(1.0)
