"""All that watches one asset, without a broker: for tests of what happens between two windows."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desks import desk_in
from msgspec.structs import replace as changed

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.assembly import Assembly
from edge_agent.daemon.config.settings import (
    Asset,
    OutboxSettings,
    Publish,
    RecorderSettings,
    SensorSettings,
)
from edge_agent.daemon.judged import Judged
from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.keeper import Keeper
from edge_agent.daemon.local.lookout import Lookout
from edge_agent.daemon.messages import Message, ModelState, Score
from edge_agent.daemon.outbox import Outbox, Store
from edge_agent.daemon.recorder import Recorder
from edge_agent.daemon.scoring import ScoringLoop
from edge_agent.daemon.sensors.thread import Handover
from edge_agent.daemon.session import Session
from edge_agent.daemon.systemd import Notifier, Watchdog
from edge_agent.daemon.topics import Topics
from edge_agent.daemon.watches import Watches


@dataclass
class Rig:
    """Watches with a store that is stepped by hand, and a loop that runs as long as asked."""

    folder: Path
    outbox: Outbox = field(default_factory=lambda: Outbox(100.0))
    handover: Handover = field(default_factory=Handover)
    session: Session = field(default_factory=lambda: Session(Topics("edge/v1", "gw-1")))
    said: list[Message] = field(default_factory=list)
    on_turn: list[Callable[[], None]] = field(default_factory=list)
    on_look: list[Callable[[float], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.folder / "recorder", RecorderSettings(max_mb=0.5))
        self.store = Store(self.outbox, OutboxSettings(), self.folder, record=self.recorder.write)
        self.state = StateDirectory(self.folder)
        self.keeper = Keeper()
        self.keeper.start()
        desk = desk_in(self.folder, self.session, self.outbox)
        assembly = Assembly(
            self.state,
            self.keeper,
            self.session,
            self.store,
            self.recorder,
            self.handover,
            pytest.fail,
            desk,
        )
        self.watches = Watches(assembly, self.session, self.outbox, self.handover, desk)

    def add(self, bundle: LoadedBundle, **options: Any) -> Judged:
        settings = SensorSettings(plugin="bench", options={"interval_s": 0.002} | options)
        judged = Judged(Asset(name="pump-1", bundle="a", sensor=settings), bundle)
        self.watches.add(judged, Publish())
        self.watches.start(time.monotonic())
        return judged

    def run(self, until: Callable[[], object], timeout_s: float = 60.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        met = False

        def turn() -> None:
            nonlocal met
            self.watches.swaps.turn()
            for do in self.on_turn:
                do()
            self.step()
            met = bool(until())
            if met or time.monotonic() > deadline_s:
                loop.stop()

        loop = ScoringLoop(
            self.watches.running,
            self.handover,
            Watchdog(Notifier(None), 0.5),
            self.session.clock,
            self.look,
            Lookout(),
            turn,
        )
        loop.run()
        assert met

    def look(self, now_s: float) -> None:
        self.watches.look(now_s)
        for do in self.on_look:
            do(now_s)

    def end(self) -> None:
        """End without saving anything, as a kill does."""
        self.watches.ask_to_stop()
        self.watches.join(time.monotonic() + 60.0)
        self.store.stop(60.0)
        self.keeper.stop(60.0)
        self.recorder.close()

    def step(self) -> None:
        collect = self.outbox.collect

        def noted() -> Any:
            batch = collect()
            self.said += [message for _, _, message in (*batch.messages, *batch.states)]
            return batch

        self.outbox.collect = noted  # type: ignore[method-assign]
        self.store.step()
        self.outbox.collect = collect  # type: ignore[method-assign]

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.said if isinstance(message, kind)]

    def scored(self, count: int) -> Callable[[], bool]:
        return lambda: sum(s.score is not None for s in self.of(Score)) >= count

    def models(self) -> list[ModelState]:
        """What is retained on the asset's model topic now."""
        self.outbox.connection_began()
        bodies = [out.body for out in iter(self.outbox.take, None) if out.kind == "model"]
        return [msgspec.json.decode(body, type=ModelState) for body in bodies]


def other(bundle: LoadedBundle, **flow: Any) -> LoadedBundle:
    """The same network under another name and digest, with other parameters."""
    manifest = changed(bundle.manifest, version="2.0.0", flow=changed(bundle.manifest.flow, **flow))
    return replace(bundle, sha256="b" * 64, manifest=manifest)
