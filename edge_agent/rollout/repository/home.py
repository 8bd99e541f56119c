"""The operator's folder: settings, keys, the repository, the inventory and the journal.

operator.toml        see OperatorSettings
keys/                private keys, encrypted; those of the root belong elsewhere in between
repository/          metadata and targets as plain files: what ``export`` copies
retained/            what else lies on the broker, by topic: desires, rollouts
rollouts/            plans and progress
gateways.json        the inventory: who belongs to the fleet, and to which groups
journal.jsonl        who did what when
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.rollout.broker import Broker
from edge_agent.rollout.repository.durable import write_durably
from edge_agent.rollout.repository.journal import Journal
from edge_agent.rollout.repository.settings import OperatorSettings, broker_of, read_settings
from edge_agent.rollout.topics import RolloutTopics

SETTINGS_FILE = "operator.toml"


class HomeError(Exception):
    """The folder cannot be used; the message says why."""


class BusyError(Exception):
    """Another command works in the folder."""


class Home:
    """The folder's places."""

    def __init__(self, folder: Path, by: str) -> None:
        """Work in ``folder`` for ``by``, as the journal will say."""
        self.folder = folder
        self.keys = folder / "keys"
        self.metadata = folder / "repository" / "metadata"
        self.targets = folder / "repository" / "targets"
        self.retained = folder / "retained"
        self.rollouts = folder / "rollouts"
        self.inventory = folder / "gateways.json"
        self.journal = Journal(folder / "journal.jsonl", by)

    def create(self, settings: bytes) -> None:
        """Make the folder, readable by its owner alone.

        Args:
            settings: the content of ``operator.toml``.

        Raises:
            HomeError: there is a repository already.
            SettingsError: of the settings.
            OSError: it cannot be written.
        """
        file = self.folder / SETTINGS_FILE
        if self.metadata.exists():
            raise HomeError(f"{self.folder}: there is a repository already")
        self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        write_durably(file, settings)
        try:
            self.settings()
        except Exception:
            file.unlink()
            raise

    def settings(self) -> OperatorSettings:
        """Return what ``operator.toml`` says.

        Raises:
            HomeError: this is no home folder.
            SettingsError: it cannot be used.
        """
        file = self.folder / SETTINGS_FILE
        if not file.is_file():
            raise HomeError(
                f"{file}: there is no such file; edge-rollout init makes a home folder, --home or"
                " EDGE_ROLLOUT_HOME names it"
            )
        return read_settings(file)

    def broker(self) -> Broker:
        """Return how to reach the broker.

        Raises:
            HomeError: none is named.
            SettingsError: see ``settings``.
        """
        broker = broker_of(self.settings(), self.folder)
        if broker is None:
            raise HomeError(
                f"{self.folder / SETTINGS_FILE}: broker: found nothing; allowed: a table with host"
            )
        return broker

    def has_broker(self) -> bool:
        """Say whether there is a broker to upload to. Raises as ``settings`` does."""
        return self.settings().broker is not None

    def topics(self) -> RolloutTopics:
        """Return the topics on the broker. Raises as ``broker`` does."""
        return RolloutTopics(self.broker().root)

    def sealed(self) -> list[Path]:
        """Return the files that operators have signed, but gateways do not act on."""
        rollouts = self.retained.glob("rollouts%2F*")
        return [file for file in (self.inventory, *rollouts) if file.exists()]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands out of the folder.

        Raises:
            BusyError: one works in it now.
            OSError: there is no folder.
        """
        with (self.folder / ".lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BusyError(f"{self.folder}: another command works here now") from error
            yield
