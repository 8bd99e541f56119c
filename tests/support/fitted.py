"""A gateway that was enrolled, and is told what to run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from forge import Forge, in_days

from edge_agent.bundle import Bundle, encode_bundle
from edge_agent.disk import DISK, Disk
from edge_agent.rollout.envelope import unseal
from edge_agent.rollout.fleet.enroll import Equipment, enroll, write_enrolment
from edge_agent.rollout.fleet.inventory import Inventory, Member
from edge_agent.rollout.install.journal import Journal
from edge_agent.rollout.install.orders import AssetFacts, Outcome, Prepare, Progress, SensorFacts
from edge_agent.rollout.install.place import Lines, Placed
from edge_agent.rollout.install.prepare import prepare
from edge_agent.rollout.messages import REPORT_TYPE, Desire, Order, Report, Terms, WantedModel

GATEWAY = "gw-1"
LINE = "press"
SENSOR = SensorFacts(channels=("x",), rate_hz=1024.0, unit="g")


def renamed(bundle: bytes, version: str, name: str = "test-bearing", **changes: Any) -> bytes:
    """The same bundle under another version."""
    opened = Bundle.decode(bundle)
    manifest = msgspec.structs.replace(opened.manifest, name=name, version=version, **changes)
    return encode_bundle(manifest, opened.model, opened.golden, opened.report)


def wanted(bundle: bytes, line: str = LINE) -> WantedModel:
    opened = Bundle.decode(bundle)
    name, version = opened.manifest.name, opened.manifest.version
    return WantedModel(
        line=line,
        name=name,
        version=version,
        sha256=opened.sha256,
        length=len(bundle),
        target=f"{name}/{name}-{version}.edgemodel",
    )


def enrol(folder: Path, root: bytes, **floors: str) -> Member:
    """Have a folder written as the operators write it, a day ago."""
    equipment = Equipment(root=root, floors=floors)
    inventory, files = enroll(Inventory(), GATEWAY, (), equipment, in_days(-1), again=False)
    write_enrolment(folder, files)
    return inventory.gateways[GATEWAY]


@dataclass
class Gateway:
    """A gateway beside a repository of which everything can be forged."""

    home: Path
    forge: Forge
    member: Member
    disk: Disk = DISK
    asset: AssetFacts = field(
        default_factory=lambda: AssetFacts(name="press-1", line=LINE, sensor=SENSOR)
    )
    synchronised: bool = True
    counter: int = 0
    said: list[Progress] = field(default_factory=list)

    @property
    def state_dir(self) -> Path:
        return self.home / "state"

    @property
    def lines(self) -> Lines:
        return Lines(self.state_dir / "models", self.disk)

    def publish(self, *bundles: bytes) -> None:
        for bundle in bundles:
            self.forge.add(wanted(bundle).target, bundle)
        self.forge.publish()

    def desire(self, *bundles: bytes, **changes: Any) -> Desire:
        self.counter += 1
        desire = Desire(
            gateway=GATEWAY,
            order=Order(generation=self.forge.generation, epoch=1, counter=self.counter),
            issued=in_days(0),
            expires=in_days(1),
            rollout="r-1",
            models=tuple(wanted(bundle) for bundle in bundles),
            terms=Terms(),
        )
        return msgspec.structs.replace(desire, **changes)

    def order(self, envelope: bytes, **changes: Any) -> Prepare:
        journal = Journal(self.state_dir / "update").standing
        quality = "synchronised" if self.synchronised else "unknown"
        order = Prepare(
            gateway=GATEWAY,
            enrolment=str(self.home / "enrolment"),
            state_dir=str(self.state_dir),
            desire=envelope,
            newest=journal.order,
            known=journal.desire,
            folder=str(self.forge.export(self.home / "repository")),
            assets=(self.asset,),
            report=Report(
                gateway=GATEWAY,
                number=journal.number,
                session="s-1",
                at=in_days(0),
                time_quality=quality,
                state=journal.state,
                reason=journal.reason,
            ),
            timeout_s=60.0,
        )
        return msgspec.structs.replace(order, **changes)

    def prepare(self, envelope: bytes, **changes: Any) -> Outcome:
        """As the agent does: every word is kept before it is passed on."""
        journal = Journal(self.state_dir / "update")
        self.said.clear()

        def keep(said: Progress) -> None:
            self.said.append(said)
            desire = said.desire
            journal.enter(said.state, desire=desire, order=desire.order, number=said.number)

        outcome = prepare(self.order(envelope, **changes), keep, self.disk)
        if outcome.number is not None:
            journal.note(number=outcome.number)
        if outcome.desire is not None and outcome.state is not None:
            desire = outcome.desire
            journal.enter(outcome.state, outcome.reason, desire=desire, order=desire.order)
        return outcome

    def run(self, bundle: bytes) -> str:
        """Publish, install and activate a bundle, as if it had gone through all that."""
        self.publish(bundle)
        outcome = self.prepare(self.forge.seal(self.desire(bundle)))
        assert outcome.state == "staged", outcome.reason
        self.lines.activate(LINE, outcome.staged[LINE])
        return outcome.staged[LINE]

    def running(self) -> Placed | None:
        folder = self.lines.current(LINE)
        return None if folder is None else self.lines.placed(LINE, folder)

    def report(self, outcome: Outcome | Progress) -> Report:
        """What the operators read of it, whose it is verified."""
        assert outcome.report is not None
        return unseal(outcome.report, REPORT_TYPE, Report, [self.member.key()])
