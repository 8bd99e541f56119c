"""What is published and who may sign it: the repository's verbs, on the operator's disk.

The Update Framework, specification 1.0 (theupdateframework.io), with consistent snapshots, by
python-tuf. Nothing here reaches the broker: ``upload`` does.
"""

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Root, TargetFile, Targets

from edge_agent.bundle import SUFFIX, Bundle, BundleError
from edge_agent.disk import write_durably
from edge_agent.rollout.envelope import EnvelopeError, countersign, keys_of
from edge_agent.rollout.messages import OPERATORS_TARGET, Operators
from edge_agent.rollout.repository.chain import (
    ONLINE_ROLES,
    Chain,
    Clock,
    read_operators,
    target_file,
    utc_now,
)
from edge_agent.rollout.repository.home import Home, HomeError
from edge_agent.rollout.repository.keys import Passphrase
from edge_agent.rollout.repository.signers import ONLINE, ROOT, Signers, name_of, names_of


class ConflictError(Exception):
    """What is asked contradicts what was published; the message says how."""


@dataclass(frozen=True, slots=True)
class Published:
    """One bundle of the repository.

    Attributes:
        name: of the bundle.
        version: of the bundle.
        target: its path among the targets.
        sha256: of its file.
        length: of its file, bytes.
    """

    name: str
    version: str
    target: str
    sha256: str
    length: int


@dataclass(frozen=True, slots=True)
class Holders:
    """How many keys there are, and how many of them must sign."""

    root_keys: int = 2
    root_threshold: int = 1
    online_keys: int = 1
    online_threshold: int = 1


class Repository:
    """The repository of a home folder; whoever changes it holds the folder's lock."""

    def __init__(self, home: Home, passphrase: Passphrase, now: Clock = utc_now) -> None:
        """Work in ``home``; ``passphrase(name)`` opens a key when it is needed."""
        self.home = home
        self._signers = Signers(home, passphrase)
        self._chain = Chain(home, self._signers, now)
        self.roles = self._chain.roles

    def init(self, holders: Holders | None = None) -> str:
        """Make keys and the first metadata; return the fingerprint of the root, hex.

        Raises:
            HomeError: there are some already, or a threshold is more than there are keys.
            KeyFileError: a passphrase is too short.
            OSError: the folder cannot be written.
        """
        if self.roles.started():
            raise HomeError(f"{self.home.metadata}: there is a repository already")
        said = holders or Holders()
        root = Root(consistent_snapshot=True)
        purposes = (
            (ROOT, said.root_keys, said.root_threshold, (Root.type,)),
            (ONLINE, said.online_keys, said.online_threshold, ONLINE_ROLES),
        )
        for purpose, n, threshold, _ in purposes:
            if not 1 <= threshold <= n:
                raise HomeError(f"{purpose}: threshold {threshold}, allowed: 1 to {n}, its keys")
        for purpose, n, threshold, roles in purposes:
            for name in names_of(purpose, n):
                key = self._signers.create(name).public_key
                self._signers.adopt(name)
                for role in roles:
                    root.add_key(key, role)
            for role in roles:
                root.roles[role].threshold = threshold
        self._chain.write_root(root, None)
        self._chain.commit({})
        fingerprint = hashlib.sha256(self.roles.root_bytes()).hexdigest()
        self.home.journal.write("init", root_sha256=fingerprint)
        return fingerprint

    def publish(self, file: Path) -> Published:
        """Check a bundle by its own golden vectors and make it a target; again: nothing changes.

        Raises:
            BundleError: damaged, cannot run here, or computes other numbers than it says.
            ConflictError: its name and version were published with other bytes.
            HomeError, KeyFileError, OSError: of the home folder.
        """
        bundle = Bundle.read(file)
        bundle.verify_golden()
        content = file.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != bundle.sha256:
            raise BundleError(f"{file}: changed while it was read")
        name, version = bundle.manifest.name, bundle.manifest.version
        self._refuse_other_bytes(f"{name}@{version}", found)
        path = f"{name}/{name}-{version}{SUFFIX}"
        target = TargetFile.from_data(path, content, ["sha256"])
        targets = self.targets()
        if path not in targets:
            # First said, then done: no version is ever used twice, not even after a power cut.
            self.home.journal.write("publish", model=f"{name}@{version}", sha256=found)
            write_durably(target_file(self.home, target), content)
            self._chain.commit({**targets, path: target})
        return _published(path, target)

    def unpublish(self, name: str, version: str) -> Published:
        """Take a bundle out; gateways that run it go on, nobody else can have it.

        Raises:
            ConflictError: it is not published.
            HomeError, KeyFileError, OSError: of the home folder.
        """
        published = self.find(name, version)
        targets = self.targets()
        del targets[published.target]
        self._chain.commit(targets)
        self.home.journal.write("unpublish", model=f"{name}@{version}", sha256=published.sha256)
        return published

    def refresh(self, *, root: bool = False) -> list[str]:
        """Sign again what has less than half of its time left, or is not signed well any more.

        Args:
            root: also the root, which needs its own keys.

        Returns:
            The roles for which that was so.

        Raises:
            HomeError, KeyFileError, OSError: of the home folder.
        """
        done = []
        if root:
            self._next_root({}, "")
            done.append(Root.type)
        stale = self._chain.stale()
        if stale:
            self._chain.renew(stale[0])
        done += stale
        if done:
            self.home.journal.write("refresh", roles=done)
        return done

    def rotate(self, name: str) -> str:
        """Replace a key by a new one of the same name; return the new one's id.

        A key of the root is replaced with the others, so that a lost one is no loss. With an
        online key, everything that it signed is signed anew but desires: orders begin a new
        generation, and ``resume`` gives them again.

        Raises:
            ConflictError: there is no such key.
            HomeError, KeyFileError, OSError: of the home folder.
        """
        root = self.roles.root().signed
        known = {name_of(key): keyid for keyid, key in root.keys.items()}
        if name not in known:
            raise ConflictError(f"no key {name!r}, allowed: {', '.join(sorted(known))}")
        gone = known[name]
        new = self._signers.create(name)
        if gone in root.roles[Targets.type].keyids:
            self._countersign(new)
        self._next_root({gone: new}, avoid=gone)
        self._signers.adopt(name)
        if gone in root.roles[Targets.type].keyids:
            self._chain.commit(self.targets())
        self.home.journal.write("rotate-key", key=name, old=gone, new=new.public_key.keyid)
        return new.public_key.keyid

    def models(self) -> list[Published]:
        """Return the bundles that are published, by path. Raises HomeError."""
        return [
            _published(path, target)
            for path, target in sorted(self.targets().items())
            if path != OPERATORS_TARGET
        ]

    def find(self, name: str, version: str) -> Published:
        """Return one published bundle.

        Raises:
            ConflictError: it is not published.
            HomeError: the metadata cannot be read.
        """
        models = self.models()
        for model in models:
            if (model.name, model.version) == (name, version):
                return model
        known = ", ".join(f"{m.name}@{m.version}" for m in models) or "nothing yet"
        raise ConflictError(f"{name}@{version} is not published; published: {known}")

    def operators(self) -> Operators:
        """Return whose desires count. Raises HomeError."""
        return read_operators(self.home, self.roles)

    def operator_keys(self) -> list[Key]:
        """Return the public keys whose signatures on desires count. Raises HomeError."""
        return keys_of(self.operators().keys)

    def online_signers(self) -> list[CryptoSigner]:
        """Return as many signers of desires as are needed. Raises HomeError and KeyFileError."""
        return self._signers.of(self.roles.root().signed, Targets.type)

    def expiries(self) -> dict[str, datetime]:
        """Return until when each role is believed. Raises HomeError."""
        return {
            role: getattr(self.roles, role)().signed.expires for role in (Root.type, *ONLINE_ROLES)
        }

    def targets(self) -> dict[str, TargetFile]:
        """Return all targets by path, ``operators.json`` among them. Raises HomeError."""
        return dict(self.roles.targets().signed.targets)

    def _next_root(self, replaced: dict[str, CryptoSigner], avoid: str) -> None:
        old = self.roles.root().signed
        root = self.roles.root().signed
        root.version += 1
        for gone, new in replaced.items():
            for role in [role for role, said in root.roles.items() if gone in said.keyids]:
                root.add_key(new.public_key, role)
                root.revoke_key(gone, role)
        new_of_root = [
            s for s in replaced.values() if s.public_key.keyid in root.roles[ROOT].keyids
        ]
        self._chain.write_root(root, old, new_of_root, avoid)

    def _countersign(self, new: CryptoSigner) -> None:
        """Have the inventory and the rollouts hold whichever of the two keys counts next."""
        operators = self.operators()
        for file in self.home.sealed():
            content = file.read_bytes()
            with contextlib.suppress(EnvelopeError):  # it counted for nothing before, either
                content = countersign(content, keys_of(operators.keys), operators.threshold, [new])
                write_durably(file, content)

    def _refuse_other_bytes(self, model: str, sha256: str) -> None:
        """Refuse a version that was ever published with other bytes. Raises ConflictError."""
        for entry in self.home.journal.entries():
            said = entry.facts
            if entry.action == "publish" and said["model"] == model and said["sha256"] != sha256:
                raise ConflictError(
                    f"{model} was published on {entry.at:%Y-%m-%d} with sha256"
                    f" {str(said['sha256'])[:12]}..., found {sha256[:12]}...: give it a new version"
                )


def _published(path: str, target: TargetFile) -> Published:
    name, _, file = path.partition("/")
    version = file.removeprefix(f"{name}-").removesuffix(SUFFIX)
    return Published(name, version, path, target.hashes["sha256"], target.length)
