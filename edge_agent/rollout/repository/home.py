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
from time import monotonic, sleep
from typing import BinaryIO

from edge_agent.disk import write_durably
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.repository.journal import Journal
from edge_agent.rollout.repository.settings import OperatorSettings, broker_of, read_settings
from edge_agent.rollout.topics import RolloutTopics

SETTINGS_FILE = "operator.toml"
TIMESTAMP_FILE = "timestamp.json"  # the last to be written, and what makes the others count


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
            HomeError: there is a repository already, or other settings.
            SettingsError: of the settings.
            OSError: it cannot be written.
        """
        file = self.folder / SETTINGS_FILE
        if (self.metadata / TIMESTAMP_FILE).exists():
            raise HomeError(f"{self.folder}: there is a repository already")
        if file.exists() and file.read_bytes() != settings:
            raise HomeError(f"{file}: says something else; allowed: the same, or no such file")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
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
            raise self._absent()
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
    def locked(self, patience_s: float = 60.0) -> Iterator[None]:
        """Keep other commands out of the folder.

        Args:
            patience_s: to wait for another command, which holds the lock for as long as it works.

        Raises:
            BusyError: it works on.
            HomeError: there is no folder.
        """
        deadline_s = monotonic() + patience_s
        try:
            file = (self.folder / ".lock").open("wb")
        except OSError as error:
            raise self._absent() from error
        with file:
            while not _is_locked(file):
                if monotonic() >= deadline_s:
                    raise BusyError(f"{self.folder}: another command works here now")
                sleep(0.05)
            yield

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take turns with other processes at what lies in ``retained`` and on the broker.

        A controller sends for hours, without the folder's lock.

        Raises:
            OSError: there is no folder.
        """
        with (self.folder / ".retained.lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _absent(self) -> HomeError:
        return HomeError(
            f"{self.folder}: no home folder: edge-rollout init makes one, --home or"
            " EDGE_ROLLOUT_HOME names it"
        )


def _is_locked(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
