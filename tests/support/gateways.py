"""Gateways of a fleet that only speak: real keys and envelopes, no models, no scoring."""

import copy
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from benchmarks.fleet.memory_broker import MemoryBroker
from edge_agent.rollout.envelope import seal, unseal
from edge_agent.rollout.fleet.controller import Controller
from edge_agent.rollout.fleet.copies import Head, read_head
from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.drive import steady_clock
from edge_agent.rollout.fleet.inventory import Inventory, Member
from edge_agent.rollout.fleet.kept import Wish
from edge_agent.rollout.fleet.plan import Plan, parse_limit
from edge_agent.rollout.fleet.record import Outcome
from edge_agent.rollout.fleet.start import Asked, start
from edge_agent.rollout.fleet.states import Progress
from edge_agent.rollout.messages import (
    DESIRE_TYPE,
    REPORT_TYPE,
    Desire,
    Order,
    RemoteSettings,
    Report,
    RunningModel,
    Terms,
    UpdateState,
    WantedModel,
)
from edge_agent.rollout.mqtt import BrokerClient, connected
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.repository import Repository

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = "press"
PASSPHRASE = "correct horse battery"


def sha_of(version: str) -> str:
    return f"{version.replace('.', ''):0>64}"


def wanted(version: str) -> WantedModel:
    return WantedModel(
        line=LINE,
        name=LINE,
        version=version,
        sha256=sha_of(version),
        length=1000,
        target=f"{LINE}/{LINE}-{version}.edgemodel",
    )


def running(model: WantedModel) -> RunningModel:
    return RunningModel(
        line=model.line,
        name=model.name,
        version=model.version,
        sha256=model.sha256,
        overlay=None,
        windows=10,
        state="running",
    )


@dataclass(slots=True)
class Voice:
    """What a gateway says, signed: ``number`` is one up each time."""

    gateway: str
    signer: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)
    session: str = "first"
    number: int = 0
    runs: WantedModel | None = field(default_factory=lambda: wanted("1.0.0"))

    @property
    def member(self) -> Member:
        key = self.signer.public_key
        return Member(groups=("hall",), key_id=key.keyid, public_key=key.to_dict(), enrolled=NOW)

    def report(
        self,
        state: UpdateState = "idle",
        answers: Order | None = None,
        held_s: float | None = None,
        reason: str | None = None,
        settings: RemoteSettings | None = None,
    ) -> Report:
        self.number += 1
        return Report(
            gateway=self.gateway,
            number=self.number,
            session=self.session,
            at=NOW,
            time_quality="synchronised",
            state=state,
            reason=reason,
            answers=answers,
            held_s=held_s,
            running={} if self.runs is None else {"press-1": running(self.runs)},
            settings=settings,
        )

    def seal(self, report: Report) -> bytes:
        return seal(report, REPORT_TYPE, [self.signer])


MakePlan = Callable[..., Plan]
Behaviour = Callable[["Speaker", Desire], None]


class Speaker:
    """A gateway on the broker that does with each newer desire what ``behaviour`` says."""

    def __init__(self, desk: Desk, client: BrokerClient, voice: Voice, does: Behaviour) -> None:
        self.voice = voice
        self.desires: list[Desire] = []
        self._desk = desk
        self._client = client
        self._does = does
        self._lock = threading.Lock()
        client.subscribe(desk.topics.desired(voice.gateway), self._hear)

    def say(self, report: Report) -> None:
        self.send(self.voice.seal(report))

    def send(self, content: bytes) -> None:
        # paho's thread delivers desires: an acknowledgement cannot be waited for there.
        self._client.publish(self._desk.topics.update(self.voice.gateway), content)

    def _hear(self, _topic: str, payload: bytes) -> None:
        desire = unseal(payload, DESIRE_TYPE, Desire, self._desk.keys)
        with self._lock:
            if self.desires and desire.order <= self.desires[-1].order:
                return
            self.desires.append(desire)
        self._does(self, desire)


def prove(speaker: Speaker, desire: Desire) -> None:
    """Do as is desired."""
    voice = speaker.voice
    speaker.say(voice.report("verifying", desire.order))
    for model in desire.models:
        voice.runs = model
    held = desire.terms.hold_s
    speaker.say(voice.report("active", desire.order, held_s=held, settings=desire.settings))


def roll_back(speaker: Speaker, desire: Desire) -> None:
    reason = "trial bad: 9 new anomalies"
    speaker.say(speaker.voice.report("rolled_back", desire.order, reason=reason))


def stay_silent(_speaker: Speaker, _desire: Desire) -> None:
    """As one that is offline."""


PAUSE = Wish(action="pause", reason="paused by a test")
RESUME = Wish(action="resume", reason="by a test")
ABORT = Wish(action="abort", reason="aborted by a test")
TAKE_BACK = Wish(action="abort", take_back=True, reason="aborted by a test")

Speakers = dict[str, Speaker]


class Hall:
    """A home folder, and gateways that speak over one connection each."""

    def __init__(self, folder: Path, port: int, bundles: Iterable[bytes], gateways: int) -> None:
        self.folder = folder
        home = Home(folder, "tester")
        home.create(f'[broker]\nhost = "127.0.0.1"\nport = {port}\n'.encode())
        repository = Repository(home, lambda _name: PASSPHRASE)
        repository.init()
        for number, content in enumerate(bundles):
            file = folder / f"{number}.edgemodel"
            file.write_bytes(content)
            repository.publish(file)
        self.desk = Desk(repository)
        self.voices = {f"gw-{n}": Voice(f"gw-{n}", runs=None) for n in range(gateways)}
        members = {name: voice.member for name, voice in self.voices.items()}
        self.desk.keep_inventory(Inventory(version=1, gateways=members))

    def copied(self, folder: Path) -> "Hall":
        """The same again elsewhere, before anything was rolled out."""
        other = copy.copy(self)
        other.folder = Path(shutil.copytree(self.folder, folder))
        other.desk = other.another_desk()
        other.voices = {
            name: Voice(name, voice.signer, runs=None) for name, voice in self.voices.items()
        }
        return other

    def another_desk(self, folder: Path | None = None) -> Desk:
        """As another process would have it, or another computer with a copy of the folder."""
        home = Home(folder or self.folder, "tester")
        return Desk(Repository(home, lambda _name: PASSPHRASE))

    def speakers(self, broker: MemoryBroker, does: Behaviour, **other: Behaviour) -> Speakers:
        """All gateways on a broker in memory; those named (``gw_1``) do something else."""
        return {
            name: Speaker(
                self.desk, broker.client(), voice, other.get(name.replace("-", "_"), does)
            )
            for name, voice in self.voices.items()
        }

    @contextmanager
    def speaking(self, does: Behaviour) -> Iterator[Speakers]:
        """All gateways, connected to the real broker."""
        with ExitStack() as stack:
            yield {
                name: Speaker(
                    self.desk,
                    stack.enter_context(connected(self.desk.home.broker(), name)),
                    voice,
                    does,
                )
                for name, voice in self.voices.items()
            }

    def start(self, version: str = "1.1.0", **changed: Any) -> str:
        """Plan a rollout to everybody: one, then the rest, within ten minutes."""
        fields: dict[str, Any] = {
            "model": f"test-bearing@{version}",
            "line": LINE,
            "to": ("all",),
            "waves": ((1, False), (100, True)),
            "limits": (parse_limit("failed>50%"),),
            "rate_per_min": 60_000.0,
            "terms": Terms(timeout_s=600.0, hold_s=5.0),
            "settings": None,
            "by": "tester",
        }
        asked = Asked(**{**fields, **changed})
        return start(self.desk, asked, datetime.now(UTC)).plan.rollout


def run(
    desk: Desk,
    client: BrokerClient,
    rollout: str,
    wish: Wish | None = None,
    stopping: threading.Event | None = None,
    *,
    take_over: bool = False,
) -> tuple[Outcome, Progress]:
    """Drive over a broker in memory, as a process would."""
    with desk.kept.driving(rollout):
        controller = Controller(desk, client, rollout, steady_clock(), lambda _progress: None)
        return controller.run(stopping or threading.Event(), wish, take_over=take_over)


def head_of(hall: Hall, broker: MemoryBroker, rollout: str) -> Head:
    """What the broker holds of a rollout."""
    content = broker.retained[hall.desk.topics.rollout(rollout)]
    return read_head(content, hall.desk.keys, 1)
