"""The metadata in the home folder, read as a chain from root and timestamp.

They are written so that a command that is cut off anywhere leaves the chain before it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from edge_agent.disk import write_durably
from edge_agent.rollout.repository.home import TIMESTAMP_FILE, HomeError

# Gateways that have just read an older timestamp still find what it speaks of.
KEPT_VERSIONS = 3

Role = TypeVar("Role", Root, Targets, Snapshot, Timestamp)


def root_file(version: int) -> str:
    """Return the name of a version of the root metadata."""
    return f"{version}.root.json"


class Roles:
    """The folder ``repository/metadata``."""

    def __init__(self, folder: Path) -> None:
        """Read and write in ``folder``."""
        self._folder = folder

    def root(self, version: int | None = None) -> Metadata[Root]:
        """Return a version of the root metadata, the newest by default.

        Raises:
            HomeError: there is none, or it is damaged.
        """
        return self._read(root_file(version or self._newest_root()), Root)

    def root_bytes(self) -> bytes:
        """Return the newest root metadata as they lie there. Raises HomeError."""
        return self.content(Root.type, self._newest_root())

    def content(self, role: str, version: int) -> bytes:
        """Return a version of a role but the timestamp as it lies there. Raises HomeError."""
        file = self._folder / f"{version}.{role}.json"
        try:
            return file.read_bytes()
        except OSError as error:
            raise HomeError(f"{file}: cannot be read: {error}") from error

    def timestamp(self) -> Metadata[Timestamp]:
        """Return the current timestamp. Raises HomeError."""
        return self._read(TIMESTAMP_FILE, Timestamp)

    def snapshot(self) -> Metadata[Snapshot]:
        """Return the snapshot that the timestamp speaks of. Raises HomeError."""
        version = self.timestamp().signed.snapshot_meta.version
        return self._read(f"{version}.snapshot.json", Snapshot)

    def targets(self) -> Metadata[Targets]:
        """Return the targets that the snapshot speaks of. Raises HomeError."""
        version = self.snapshot().signed.meta["targets.json"].version
        return self._read(f"{version}.targets.json", Targets)

    def started(self) -> bool:
        """Say whether there is a chain: without a timestamp, nothing was ever published."""
        return (self._folder / TIMESTAMP_FILE).exists()

    def write_root(self, root: Root, old: Root | None, signers: Sequence[Signer]) -> None:
        """Sign and write a new version of the root.

        TUF 5.3.4: it needs the signatures of a threshold of the old root's keys and of its own.

        Raises:
            HomeError: gateways would refuse it.
            OSError: it cannot be written.
        """
        metadata = Metadata(root)
        for signer in signers:
            metadata.sign(signer, append=True)
        try:
            for judge in (old or root, root):
                judge.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
        except (RepositoryError, ValueError) as error:
            raise HomeError(f"{root_file(root.version)}: not signed well: {error}") from error
        write_durably(self._folder / root_file(root.version), metadata.to_bytes())

    def write(
        self, root: Root, signed: Targets | Snapshot | Timestamp, signers: Sequence[Signer]
    ) -> None:
        """Sign and write a new version of a role; it counts when the timestamp leads to it.

        Raises:
            HomeError: gateways would refuse it.
            OSError: it cannot be written.
        """
        metadata: Metadata[Any] = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        try:
            root.verify_delegate(signed.type, metadata.signed_bytes, metadata.signatures)
        except (RepositoryError, ValueError) as error:
            raise HomeError(f"{signed.type}: not signed well: {error}") from error
        name = f"{signed.type}.json"
        if not isinstance(signed, Timestamp):
            name = f"{signed.version}.{name}"
        write_durably(self._folder / name, metadata.to_bytes())

    def confirm(self) -> None:
        """See that gateways would believe what is here: a rotation that was cut off is not done.

        Raises:
            HomeError: they would not; the message says what to do.
        """
        root = self.root().signed
        for metadata in (self.targets(), self.snapshot(), self.timestamp()):
            signed: Targets | Snapshot | Timestamp = metadata.signed
            if not root.get_verification_result(
                signed.type, metadata.signed_bytes, metadata.signatures
            ):
                raise HomeError(
                    f"{self._folder}: {signed.type} is not signed by the keys of the newest root:"
                    " edge-rollout refresh signs it again"
                )

    def is_older_than(self, content: bytes) -> bool:
        """Say whether ``content`` is a timestamp of ours that comes after the one that is here.

        Raises:
            HomeError: what is here cannot be read.
        """
        ours = self.timestamp()
        try:
            other: Metadata[Any] = Metadata.from_bytes(content)
            self.root().signed.verify_delegate(Timestamp.type, other.signed_bytes, other.signatures)
        except (DeserializationError, RepositoryError):
            return False  # no timestamp, or not ours: whoever wrote it counts for nothing
        if not isinstance(other.signed, Timestamp):
            return False  # our own key signs the other roles, too
        is_same = other.signed_bytes == ours.signed_bytes
        return not is_same and other.signed.version >= ours.signed.version

    def files(self) -> dict[str, Path]:
        """Return what gateways may ask for, by name: all roots, and the latest few of the others.

        Raises:
            HomeError: the chain is damaged.
        """
        files = {path.name: path for path in self._folder.glob("*.root.json")}
        if not self.started():
            return files
        newest = {
            "snapshot": self.snapshot().signed.version,
            "targets": self.targets().signed.version,
        }
        for role, version in newest.items():
            for kept in range(max(1, version - KEPT_VERSIONS + 1), version + 1):
                path = self._folder / f"{kept}.{role}.json"
                if path.exists():
                    files[path.name] = path
        files[TIMESTAMP_FILE] = self._folder / TIMESTAMP_FILE
        return files

    def forget_old(self) -> None:
        """Delete what nobody asks for any more. Raises HomeError and OSError."""
        kept = self.files()
        for path in self._folder.glob("*.json"):
            if path.name not in kept:
                path.unlink()

    def _newest_root(self) -> int:
        versions = [
            int(number)
            for path in self._folder.glob("*.root.json")
            if (number := path.name.partition(".")[0]).isdecimal()
        ]
        if not versions:
            raise HomeError(f"{self._folder}: no root metadata; edge-rollout init makes them")
        return max(versions)

    def _read(self, name: str, kind: type[Role]) -> Metadata[Role]:
        file = self._folder / name
        try:
            metadata: Metadata[Role] = Metadata.from_bytes(file.read_bytes())
        except (OSError, DeserializationError) as error:
            raise HomeError(f"{file}: cannot be read: {error}") from error
        if not isinstance(metadata.signed, kind):
            raise HomeError(f"{file}: {metadata.signed.type}, allowed: {kind.type}")
        return metadata


def expires(now: datetime, days: int) -> datetime:
    """Return the end of a lifetime, in whole seconds, as TUF writes them."""
    return (now.astimezone(UTC) + timedelta(days=days)).replace(microsecond=0)
