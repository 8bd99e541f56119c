"""The life cycle of one asset's alarms, with clocks that a test turns."""

from dataclasses import dataclass, field

import msgspec

from edge_agent.daemon.alarms.cycle import Cycle, Seen, Told
from edge_agent.daemon.alarms.kept import Kept, Noted
from edge_agent.daemon.alarms.messages import Level
from edge_agent.daemon.alarms.term import Now

NS = 1_000_000_000


@dataclass
class Bench:
    """A cycle with clocks of its own, and what it told."""

    utc_s: float = 1_700_000_000.0
    boot_s: float = 100.0
    boot_id: str = "first"
    happened: list[str] = field(default_factory=list)
    told: list[Told | None] = field(default_factory=list)
    silenced_before: int = 0

    def __post_init__(self) -> None:
        self.cycle = Cycle(Kept(), self.now, self._note)

    def _note(self, what: str, _anomaly: Noted | None, note: str | None) -> None:
        self.happened.append(what)
        if what in ("shelving ended", "maintenance ended"):
            assert note is not None
            self.silenced_before += int(note.split()[0])

    @property
    def now(self) -> Now:
        return Now(round(self.utc_s * NS), round(self.boot_s * NS), self.boot_id)

    @property
    def state(self) -> str:
        return self.cycle.state

    def wait(self, seconds: float) -> None:
        self.utc_s += seconds
        self.boot_s += seconds
        self.cycle.tick(self.now)

    def restart(self, *, off_s: float | None = None) -> None:
        """Start the agent again, or the machine after ``off_s``."""
        if off_s is not None:
            self.utc_s += off_s
            self.boot_s, self.boot_id = 20.0, f"{self.boot_id}+"
        kept = msgspec.json.decode(msgspec.json.encode(self.cycle.kept), type=Kept)
        self.cycle = Cycle(kept, self.now, self._note)
        self.cycle.begin(kept.anomaly, self.now)

    def see(
        self, event: Told | None, number: int = 1, severity: float = 1.2, level: Level = "alert"
    ) -> Told | None:
        noted = Noted(
            id=f"{number:032x}",
            number=number,
            detector="network",
            opened_ns=number * NS,
            severity=severity,
            level=level,
        )
        self.told.append(self.cycle.window(Seen(event, noted), self.now))
        return self.told[-1]

    def ask(self, what: str, **arguments: object) -> None:
        getattr(self.cycle, what)(by="kim", note=None, now=self.now, **arguments)
