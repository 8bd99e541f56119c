"""Gateways of a fleet that only speak: real keys and envelopes, no models, no scoring."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from edge_agent.rollout.envelope import seal, unseal
from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.inventory import Inventory, Member
from edge_agent.rollout.messages import (
    DESIRE_TYPE,
    REPORT_TYPE,
    Desire,
    Order,
    RemoteSettings,
    Report,
    RunningModel,
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
        # paho's thread delivers desires: an acknowledgement cannot be waited for there.
        self._client.publish(self._desk.topics.update(self.voice.gateway), self.voice.seal(report))

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

    def another_desk(self) -> Desk:
        """As another process would have it."""
        return Desk(Repository(Home(self.folder, "tester"), lambda _name: PASSPHRASE))

    @contextmanager
    def speaking(
        self, does: Behaviour, *exceptions: tuple[str, Behaviour]
    ) -> Iterator[dict[str, Speaker]]:
        """All gateways, connected; those named do as is said beside them."""
        special = dict(exceptions)
        with ExitStack() as stack:
            speakers = {}
            for name, voice in self.voices.items():
                client = stack.enter_context(connected(self.desk.home.broker(), name))
                speakers[name] = Speaker(self.desk, client, voice, special.get(name, does))
            yield speakers
