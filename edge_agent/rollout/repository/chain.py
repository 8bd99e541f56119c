"""Signs the metadata anew: the root by its keys, everything else by those that are online."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from edge_agent.disk import write_durably
from edge_agent.rollout.messages import OPERATORS_TARGET, Operators
from edge_agent.rollout.repository.home import Home, HomeError
from edge_agent.rollout.repository.roles import Roles, expires
from edge_agent.rollout.repository.signers import Signers

ONLINE_ROLES = (Targets.type, Snapshot.type, Timestamp.type)

_TARGETS_META = "targets.json"

_CLOCK_TOLERANCE = timedelta(hours=1)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Chain:
    """The metadata of one home folder, and who signs them."""

    def __init__(self, home: Home, signers: Signers, now: Clock) -> None:
        """Sign what is in ``home``; ``now`` returns the time, with its zone."""
        self.roles = Roles(home.metadata)
        self._home = home
        self._signers = signers
        self._now = now

    def write_root(
        self, root: Root, old: Root | None, extra: Iterable[CryptoSigner] = (), avoid: str = ""
    ) -> None:
        """Sign and write a version of the root; its expiry is set here.

        Args:
            root: the new one.
            old: the one before, whose keys must sign too; None for the first.
            extra: who signs beside the threshold of both.
            avoid: id of a key that is asked last.

        Raises:
            HomeError, KeyFileError, OSError: as of Repository.
        """
        self._see_clock()
        root.expires = expires(self._now(), self._home.settings().lifetimes.root_days)
        signers = {signer.public_key.keyid: signer for signer in extra}
        for judge in (root, old or root):
            for signer in self._signers.of(judge, Root.type, avoid=avoid):
                signers.setdefault(signer.public_key.keyid, signer)
        self.roles.write_root(root, old, list(signers.values()))

    def commit(self, targets: Mapping[str, TargetFile]) -> None:
        """Sign these targets and all above them; files that are no target any more go.

        Who may sign desires becomes a target here too, a new generation where the keys changed.

        Raises:
            HomeError, KeyFileError, OSError: as of Repository.
        """
        root = self.roles.root().signed
        complete = {**targets, OPERATORS_TARGET: self._operators(root)}
        self._write(root, Targets.type, complete)
        self._sweep()

    def stale(self) -> list[str]:
        """Return the online roles whose time is half over, or that the root's keys do not confirm.

        Raises:
            HomeError: a file is missing or damaged.
        """
        root = self.roles.root().signed
        lifetimes = self._home.settings().lifetimes
        found = []
        for role in ONLINE_ROLES:
            metadata = getattr(self.roles, role)()
            half = timedelta(days=getattr(lifetimes, f"{role}_days")) / 2
            signed = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
            if not signed or metadata.signed.expires - self._now() < half:
                found.append(role)
        return found

    def renew(self, role: str) -> None:
        """Sign an online role again, and all above it. Raises as ``commit`` does."""
        targets = self.roles.targets().signed.targets
        if role == Targets.type:
            self.commit(targets)
        else:
            self._write(self.roles.root().signed, role, targets)

    def _write(self, root: Root, lowest: str, targets: Mapping[str, TargetFile]) -> None:
        """Write ``lowest`` and the roles above it, which name it; the timestamp comes last."""
        self._see_clock()
        signers = self._signers.of(root, Timestamp.type)
        started = self.roles.started()
        versions = {
            role: getattr(self.roles, role)().signed.version if started else 0
            for role in ONLINE_ROLES
        }
        for role in ONLINE_ROLES[ONLINE_ROLES.index(lowest) :]:
            versions[role] += 1
            signed: Targets | Snapshot | Timestamp
            if role == Targets.type:
                signed = Targets(targets={**targets})
            elif role == Snapshot.type:
                signed = Snapshot(meta={_TARGETS_META: self._named(Targets.type, versions)})
            else:
                signed = Timestamp(snapshot_meta=self._named(Snapshot.type, versions))
            signed.version = versions[role]
            signed.expires = self._end(role)
            self.roles.write(root, signed, signers)
        self.roles.forget_old()

    def _see_clock(self) -> None:
        """Refuse to sign what would end too early. Raises HomeError."""
        now = self._now()
        last = max((entry.at for entry in self._home.journal.entries()), default=now)
        if now < last - _CLOCK_TOLERANCE:
            raise HomeError(
                f"the clock says {now:%Y-%m-%d %H:%M}, but the journal has an entry of"
                f" {last:%Y-%m-%d %H:%M}: set it, then sign"
            )

    def _named(self, role: str, versions: Mapping[str, int]) -> MetaFile:
        """Return how the role above names this version, with its digest: one timestamp, one state.

        Raises:
            HomeError: it cannot be read.
        """
        content = self.roles.content(role, versions[role])
        return MetaFile.from_data(versions[role], content, ["sha256"])

    def _end(self, role: str) -> datetime:
        return expires(self._now(), getattr(self._home.settings().lifetimes, f"{role}_days"))

    def _operators(self, root: Root) -> TargetFile:
        said = root.roles[Targets.type]
        keys = {keyid: root.keys[keyid].to_dict() for keyid in said.keyids}
        old = self._old_operators()
        generation = 0
        if old is not None:
            changed = old.keys != keys or old.threshold != said.threshold
            # Higher than any that the keys before could have made gateways believe.
            generation = root.version - 1 if changed else old.generation
        operators = Operators(generation=generation, threshold=said.threshold, keys=keys)
        content = msgspec.json.encode(operators, order="sorted")
        file = TargetFile.from_data(OPERATORS_TARGET, content, ["sha256"])
        write_durably(target_file(self._home, file), content)
        return file

    def _old_operators(self) -> Operators | None:
        if not self.roles.started():
            return None
        return read_operators(self._home, self.roles)

    def _sweep(self) -> None:
        """Delete the files of what is no target any more. Raises OSError."""
        targets = self.roles.targets().signed.targets.values()
        wanted = {target_file(self._home, target) for target in targets}
        for file in self._home.targets.rglob("*"):
            if file.is_file() and file not in wanted:
                file.unlink()


def target_file(home: Home, target: TargetFile) -> Path:
    """Return where a target's file lies: TUF puts the digest before its name."""
    return home.targets / target.get_prefixed_paths()[0]


def read_operators(home: Home, roles: Roles) -> Operators:
    """Return whose desires count.

    Raises:
        HomeError: the file or the metadata are missing or damaged.
    """
    file = target_file(home, roles.targets().signed.targets[OPERATORS_TARGET])
    try:
        return msgspec.json.decode(file.read_bytes(), type=Operators)
    except (OSError, msgspec.MsgspecError) as error:
        raise HomeError(f"{file}: cannot be read: {error}") from error
