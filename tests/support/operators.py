"""An operator with a home folder, and what a gateway sees of it."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from tuf.ngclient import FetcherInterface

from edge_agent.bundle import Bundle, encode_bundle
from edge_agent.rollout.install.fetch import Deadline, FolderFetcher, RetainedFetcher
from edge_agent.rollout.install.verify import Verifier
from edge_agent.rollout.mqtt import BrokerClient, connected
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.repository import Repository
from edge_agent.rollout.repository.upload import Uploaded, upload
from edge_agent.rollout.topics import RolloutTopics

PASSPHRASE = "correct horse battery"
ENROLLED = datetime.now(UTC) - timedelta(days=1)
PATIENCE_S = 60.0


def passphrase(_name: str) -> str:
    return PASSPHRASE


def home_in(folder: Path, settings: str = "") -> Home:
    """A home folder without a repository."""
    home = Home(folder, "anna")
    home.create(settings.encode())
    return home


def home_at(folder: Path, port: int) -> Home:
    """The same, with a broker on the loopback."""
    return home_in(folder, f'[broker]\nhost = "127.0.0.1"\nport = {port}\n')


def repository_in(home: Home) -> Repository:
    """The repository of a home folder, as a new command opens it."""
    return Repository(home, passphrase)


def bundle_of(bundle: bytes, version: str, folder: Path, *, report: bytes | None = None) -> Path:
    """The same bundle under another version; another report gives it other bytes."""
    read = Bundle.decode(bundle)
    manifest = msgspec.structs.replace(read.manifest, version=version, members={})
    content = encode_bundle(manifest, read.model, read.golden, report)
    file = folder / f"{version}-{hashlib.sha256(content).hexdigest()[:8]}.edgemodel"
    file.write_bytes(content)
    return file


class Gateway:
    """What a gateway that was enrolled with ``root`` may believe, from one look to the next."""

    def __init__(self, folder: Path, root: bytes) -> None:
        self._folder = folder
        self._root = root

    def looks_into(self, exported: Path) -> Verifier:
        """Verify an exported folder, or the operator's own. Raises VerifyError."""
        return self.looks_by(FolderFetcher(exported, Deadline(PATIENCE_S)))

    def looks_at(self, client: BrokerClient) -> Verifier:
        """Verify what is retained. Raises VerifyError."""
        return self.looks_by(RetainedFetcher(client, "edge/v1", Deadline(PATIENCE_S)))

    def looks_by(self, fetcher: FetcherInterface) -> Verifier:
        """Verify what ``fetcher`` brings. Raises VerifyError."""
        verifier = Verifier(self._folder, self._root, ENROLLED, fetcher)
        verifier.refresh(synchronised=False)
        return verifier


def content_seen(verifier: Verifier, target: str) -> bytes | None:
    """What a gateway gets as ``target``, verified; None where it is no target."""
    said = verifier.target(target)
    return None if said is None else verifier.fetch(said)


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def client_of(home: Home) -> AbstractContextManager[BrokerClient]:
    return connected(home.broker(), "test")


def sent_by(home: Home, how: Callable[[BrokerClient, Home], Uploaded] = upload) -> Uploaded:
    with client_of(home) as client:
        return how(client, home)


def retained(home: Home, pattern: str = "edge/v1/repo/#") -> dict[str, bytes]:
    with client_of(home) as client:
        return client.collect(pattern, RolloutTopics("edge/v1").fence)
