"""A repository of which everything can be forged: any role signed by any key, of any version.

What operators do is in the repository's own class; this one is for what nobody should be able to.
"""

import copy
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from edge_agent.rollout.envelope import seal
from edge_agent.rollout.messages import (
    DESIRE_TYPE,
    OPERATORS_TARGET,
    Desire,
    Operators,
)
from edge_agent.rollout.topics import CHUNK_BYTES, Index, RolloutTopics, Stored, stored_name

ROLES = ("root", "timestamp", "snapshot", "targets")


def in_days(days: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


class Forge:
    """Signed files, by their path in an exported repository: ``files``.

    Attributes:
        root_signers: two, of which one is enough.
        online: the key of the other roles and of the desires.
        root: like the three that follow, changed by whoever likes, signed by ``publish``.
        files: all that was ever published.
    """

    def __init__(self) -> None:
        self.root_signers = [CryptoSigner.generate_ed25519() for _ in range(2)]
        self.online = CryptoSigner.generate_ed25519()
        self.root = Root(expires=in_days(365), consistent_snapshot=True)
        for signer in self.root_signers:
            self.root.add_key(signer.public_key, "root")
        for role in ROLES[1:]:
            self.root.add_key(self.online.public_key, role)
        self.targets = Targets(expires=in_days(365))
        self.snapshot = Snapshot(expires=in_days(30))
        self.timestamp = Timestamp(expires=in_days(30))
        for forged in (self.root, self.targets, self.snapshot, self.timestamp):
            forged.version = 0  # publishing counts it up
        self.files: dict[str, bytes] = {}
        self.generation = 0
        self.publish_root()
        self.add_operators()
        self.publish()

    @property
    def first_root(self) -> bytes:
        return self.files["metadata/1.root.json"]

    def add(self, path: str, content: bytes) -> TargetFile:
        target = TargetFile.from_data(path, content, ["sha256"])
        self.targets.targets[path] = target
        folder, _, name = path.rpartition("/")
        at = f"{folder}/" if folder else ""
        self.files[f"targets/{at}{target.hashes['sha256']}.{name}"] = content
        return target

    def add_operators(self, threshold: int = 1, signers: Iterable[Signer] = ()) -> None:
        keys = [self.online.public_key, *(signer.public_key for signer in signers)]
        operators = Operators(
            generation=self.generation,
            threshold=threshold,
            keys={key.keyid: key.to_dict() for key in keys},
        )
        self.add(OPERATORS_TARGET, msgspec.json.encode(operators))

    def publish_root(self, signers: Iterable[Signer] | None = None) -> None:
        self.root.version += 1
        content = signed(self.root, self.root_signers if signers is None else signers)
        self.files[f"metadata/{self.root.version}.root.json"] = content

    def publish_targets(self, signers: Iterable[Signer] | None = None) -> None:
        self.targets.version += 1
        content = signed(self.targets, [self.online] if signers is None else signers)
        self.files[f"metadata/{self.targets.version}.targets.json"] = content

    def publish_snapshot(self, signers: Iterable[Signer] | None = None) -> None:
        self.snapshot.version += 1
        self.snapshot.meta["targets.json"] = MetaFile(self.targets.version)
        content = signed(self.snapshot, [self.online] if signers is None else signers)
        self.files[f"metadata/{self.snapshot.version}.snapshot.json"] = content

    def publish_timestamp(self, signers: Iterable[Signer] | None = None) -> None:
        self.timestamp.version += 1
        self.timestamp.snapshot_meta = MetaFile(self.snapshot.version)
        content = signed(self.timestamp, [self.online] if signers is None else signers)
        self.files["metadata/timestamp.json"] = content

    def publish(self, signers: Iterable[Signer] | None = None) -> None:
        """All but the root, by the online key or by whom it is said."""
        self.publish_targets(signers)
        self.publish_snapshot(signers)
        self.publish_timestamp(signers)

    def change_online_key(self, signer: CryptoSigner) -> None:
        """What an operator does whose online key was stolen: the root says whose word counts."""
        for role in ROLES[1:]:
            self.root.revoke_key(self.online.public_key.keyid, role)
            self.root.add_key(signer.public_key, role)
        self.online = signer
        self.generation += 1
        self.publish_root()

    def seal(self, desire: Desire, signers: Iterable[Signer] | None = None) -> bytes:
        return seal(desire, DESIRE_TYPE, [self.online] if signers is None else signers)

    def taken_back_to(self, files: dict[str, bytes]) -> None:
        """Serve what was served before: ``files`` is a copy of then."""
        self.files = copy.copy(files)

    def export(self, folder: Path) -> Path:
        """Write a plain folder, in place of what is there."""
        for name, content in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        for left in folder.rglob("*"):
            if left.is_file() and str(left.relative_to(folder)) not in self.files:
                left.unlink()
        return folder

    def retained(self, root: str, chunk_bytes: int = CHUNK_BYTES) -> dict[str, bytes]:
        """Return what lies on a broker, by topic."""
        topics = RolloutTopics(root)
        messages: dict[str, bytes] = {}
        metadata: dict[str, int] = {}
        targets: dict[str, Stored] = {}
        for name, content in self.files.items():
            kind, _, path = name.partition("/")
            if kind == "metadata":
                messages[topics.metadata(path)] = content
                metadata[path] = len(content)
                continue
            folder, _, last = path.rpartition("/")
            sha256, _, plain = last.partition(".")
            file = stored_name(f"{folder}/{plain}", sha256)
            chunks = [content[i : i + chunk_bytes] for i in range(0, len(content), chunk_bytes)]
            targets[file] = Stored(length=len(content), chunks=len(chunks))
            messages.update({topics.chunk(file, n): chunk for n, chunk in enumerate(chunks)})
        messages[topics.index] = msgspec.json.encode(Index(metadata=metadata, targets=targets))
        return messages


def signed(role: Root | Targets | Snapshot | Timestamp, signers: Iterable[Signer]) -> bytes:
    metadata: Metadata[Any] = Metadata(copy.deepcopy(role))
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()
