"""Giving a gateway what it must have before it is sent out, and taking it into the inventory."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from securesystemslib.signer import CryptoSigner

from edge_agent.bundle.manifest import identity_problem
from edge_agent.disk import PRIVATE, READABLE, write_durably
from edge_agent.rollout.enrolment import (
    CA_FILE,
    FILE,
    KEY_FILE,
    PASSWORD_FILE,
    ROOT_FILE,
    Enrolment,
)
from edge_agent.rollout.fleet.inventory import Inventory, InventoryError, Member
from edge_agent.rollout.messages import Name

# First levels below the root that are no gateway's.
_RESERVED = ("desired", "repo", "rollouts")


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a gateway is given.

    Attributes:
        root: the root metadata that it shall trust.
        broker_ca: certificates of the broker.
        password: for the broker.
        floors: lowest version of each line that it may install.
    """

    root: bytes
    broker_ca: bytes | None = None
    password: bytes | None = None
    floors: Mapping[str, str] = field(default_factory=dict)


def enroll(
    inventory: Inventory,
    gateway: str,
    groups: tuple[str, ...],
    equipment: Equipment,
    now: datetime,
    *,
    again: bool,
) -> tuple[Inventory, dict[str, bytes]]:
    """Make a key for ``gateway``; return the new inventory, and the files of its folder by name.

    Args:
        inventory: as it is.
        gateway: name.
        groups: that it is in.
        equipment: what it is given.
        now: from when on metadata may not have expired.
        again: it is in the inventory and gets a new key: its old one counts no more.

    Raises:
        InventoryError: a name or floor that is not allowed, or a name that is there already.
    """
    for name in (gateway, *groups):
        try:
            msgspec.convert(name, Name)
        except msgspec.ValidationError as error:
            raise InventoryError(
                f"found {name!r}; allowed: up to 64 letters, digits, _ . and -"
            ) from error
    for line, version in equipment.floors.items():
        problem = identity_problem(line, version)  # on the gateway it would stop every update
        if problem is not None:
            raise InventoryError(f"floor {line}={version}: {problem}")
    if gateway in _RESERVED:
        raise InventoryError(f"{gateway}: the name is a topic's already")
    if gateway in inventory.gateways and not again:
        raise InventoryError(f"{gateway}: enrolled already; --again makes a new key for it")
    signer = CryptoSigner.generate_ed25519()
    key = signer.public_key
    enrolment = Enrolment(
        gateway=gateway,
        root_sha256=hashlib.sha256(equipment.root).hexdigest(),
        key_id=key.keyid,
        public_key=key.to_dict(),
        enrolled=now,
        floors=dict(equipment.floors),
    )
    member = Member(groups=groups, key_id=key.keyid, public_key=key.to_dict(), enrolled=now)
    files = {
        FILE: msgspec.json.format(msgspec.json.encode(enrolment), indent=2),
        ROOT_FILE: equipment.root,
        KEY_FILE: signer.private_bytes,
        CA_FILE: equipment.broker_ca,
        PASSWORD_FILE: equipment.password,
    }
    changed = Inventory(
        version=inventory.version + 1, gateways={**inventory.gateways, gateway: member}
    )
    return changed, {name: content for name, content in files.items() if content is not None}


def write_enrolment(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the folder that goes to the gateway, secrets readable by their owner alone.

    Raises:
        InventoryError: there is an enrolment already.
        OSError: it cannot be written.
    """
    if (folder / FILE).exists():
        raise InventoryError(f"{folder}: there is an enrolment already")
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    # Whoever finds ``FILE`` finds all of it.
    for name in sorted(files, key=lambda name: name == FILE):
        mode = PRIVATE if name in (KEY_FILE, PASSWORD_FILE) else READABLE
        write_durably(folder / name, files[name], mode)


def regrouped(inventory: Inventory, gateway: str, groups: tuple[str, ...]) -> Inventory:
    """Return the inventory with ``gateway`` in other groups; it keeps its key.

    Raises:
        InventoryError: it is not in it.
    """
    member = inventory.gateways.get(gateway)
    if member is None:
        raise InventoryError(f"{gateway}: not in the inventory")
    changed = {**inventory.gateways, gateway: msgspec.structs.replace(member, groups=groups)}
    return Inventory(version=inventory.version + 1, gateways=changed)
