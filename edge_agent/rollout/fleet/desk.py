"""What the commands of a fleet work with: the operator's folder, its keys, and what lies there."""

import hashlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key

from edge_agent.rollout.fleet.inventory import Inventory, read_inventory, write_inventory
from edge_agent.rollout.fleet.kept import Kept
from edge_agent.rollout.fleet.orders import Orders
from edge_agent.rollout.fleet.sightings import Sightings, read_sightings, write_sightings
from edge_agent.rollout.messages import Operators
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.repository import Repository
from edge_agent.rollout.topics import RolloutTopics

_PATIENCE_S = 60.0  # for another command that works in the folder
_MACHINE = Path("/etc/machine-id")


class Desk:
    """A home folder, as the fleet's commands see it."""

    def __init__(self, repository: Repository) -> None:
        """Work with ``repository`` and the home folder that it lies in."""
        self.repository = repository
        self.home: Home = repository.home
        self.kept = Kept(self.home.rollouts)

    @cached_property
    def topics(self) -> RolloutTopics:
        """On the broker. Raises HomeError and SettingsError."""
        return self.home.topics()

    @cached_property
    def operators(self) -> Operators:
        """Whose signatures count, as of the first use. Raises HomeError."""
        return self.repository.operators()

    @cached_property
    def keys(self) -> list[Key]:
        """Their public keys. Raises HomeError."""
        return self.repository.operator_keys()

    @cached_property
    def signers(self) -> list[CryptoSigner]:
        """Who signs; asks for passphrases. Raises HomeError and KeyFileError."""
        return self.repository.online_signers()

    @cached_property
    def orders(self) -> Orders:
        """Numbers of orders. Raises HomeError."""
        return Orders(self.home.folder / "orders.json", self.operators.generation)

    @property
    def instance(self) -> str:
        """Name this computer and this home folder."""
        machine = _MACHINE.read_text().strip() if _MACHINE.exists() else ""
        place = f"{platform.node()} {machine} {self.home.folder.resolve()}"
        return f"{platform.node()}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"

    def inventory(self) -> Inventory:
        """Return the fleet. Raises InventoryError and HomeError."""
        return read_inventory(self.home.inventory, self.keys, self.operators.threshold)

    def keep_inventory(self, inventory: Inventory) -> None:
        """Sign and keep the fleet. Raises HomeError, KeyFileError, OSError."""
        write_inventory(self.home.inventory, inventory, self.signers)

    def sightings(self) -> Sightings:
        """Return what is known of the gateways from their reports. Raises SightingsError."""
        return read_sightings(self.home.folder / "sightings.json")

    def keep_sightings(self, seen: Sightings) -> None:
        """Add ``seen`` to what is kept; the home folder is locked. Raises SightingsError."""
        kept = self.sightings()
        kept.merge(seen)
        write_sightings(self.home.folder / "sightings.json", kept)

    @contextmanager
    def locked(self, patience_s: float = _PATIENCE_S) -> Iterator[None]:
        """Keep other commands out of the home folder, after a while of waiting for them.

        Raises:
            BusyError: one of them works on.
        """
        with self.home.locked(patience_s):
            yield
