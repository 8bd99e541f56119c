"""What of a repository may be believed: the client workflow of the TUF specification, section 5.

python-tuf does the verifying. Added here: what is trusted survives a power cut, and time never
goes back behind what was seen before, whatever the clock says.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater

from edge_agent.disk import DISK, Disk, make_folders, write_durably
from edge_agent.rollout.install.fetch import METADATA, TARGETS
from edge_agent.rollout.messages import OPERATORS_TARGET, Moment, Operators

TRUSTED = "trusted"
WORK = "work"
_FLOOR_FILE = "floor.json"
_HISTORY = "root_history"
_ROLES = ("timestamp", "snapshot", "targets")
_EARLY = timedelta(days=7)
_OPERATORS_BYTES_MAX = 1 << 20


class VerifyError(Exception):
    """Metadata or a target are refused, or cannot be had; the message says why.

    Attributes:
        again: the operator or the network may put it right: worth another attempt.
    """

    def __init__(self, reason: str, *, again: bool = True) -> None:
        """Keep what ``str`` will say."""
        super().__init__(reason)
        self.again = again


class _Floor(msgspec.Struct, frozen=True, kw_only=True):
    """No metadata that had expired by ``at`` are believed."""

    at: Moment


class Verifier:
    """A gateway's view of the repository, below ``{state_dir}/update``.

    Attributes:
        floor: no metadata that expire before are believed.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap: bytes,
        enrolled: datetime,
        fetcher: FetcherInterface,
        disk: Disk = DISK,
    ) -> None:
        """Begin with what was trusted the last time.

        Args:
            folder: ``{state_dir}/update``.
            bootstrap: the root metadata that the gateway was enrolled with.
            enrolled: when that was.
            fetcher: where metadata and targets come from.
            disk: where what is trusted is kept.

        Raises:
            OSError: the disk is full, or not writable.
            VerifyError: the root that the gateway was enrolled with is damaged.
        """
        self._disk = disk
        self._trusted = folder / TRUSTED
        self._work = folder / WORK
        make_folders(self._trusted, disk)
        self.floor = max(enrolled, self._kept_floor() or enrolled)
        self._prepare_work()
        try:
            self._updater = Updater(
                str(self._work / "metadata"),
                METADATA,
                str(self._work / "targets"),
                TARGETS,
                fetcher,
                bootstrap=bootstrap,
            )
        except RepositoryError as error:
            raise VerifyError(f"enrolment: root.json: {error}", again=False) from error

    def refresh(self, *, synchronised: bool) -> tuple[str, ...]:
        """Bring the metadata up to date.

        Args:
            synchronised: the clock follows a time server: no time before now is believed later.

        Returns:
            What will be wrong soon.

        Raises:
            VerifyError: refused, or not to be had.
            OSError: the disk is full, or not writable.
        """
        try:
            with self._refusals("metadata"):
                self._updater.refresh()
        finally:
            # Each that was verified counts, also where the next was refused: a root that takes a
            # stolen key back above all (specification 5.3.8, 5.4.5, 5.5.7, 5.6.6).
            self._keep()
        expiries = self._expiries()
        for role, expires in expiries.items():
            if expires <= self.floor:
                raise VerifyError(
                    f"metadata refused: {role} expired {expires:%Y-%m-%d %H:%M}, but it was"
                    f" {self.floor:%Y-%m-%d %H:%M} already"
                )
        now = datetime.now(UTC)
        if synchronised and now > self.floor:
            self.floor = now
            content = msgspec.json.encode(_Floor(at=now))
            write_durably(self._trusted / _FLOOR_FILE, content, disk=self._disk)
        return tuple(self._warnings(expiries, now))

    def operators(self) -> Operators:
        """Return whose desires count, as the metadata say now.

        Raises:
            VerifyError: not to be had, damaged, or of a generation that no root can have begun.
            OSError: the disk is full, or not writable.
        """
        kept = self._trusted / OPERATORS_TARGET
        target = self.target(OPERATORS_TARGET)
        if target is None:
            raise VerifyError(f"{OPERATORS_TARGET} is not among the targets of the repository")
        if target.length > _OPERATORS_BYTES_MAX:
            raise VerifyError(
                f"{OPERATORS_TARGET}: {target.length} bytes, allowed: {_OPERATORS_BYTES_MAX}"
            )
        cached = self._updater.find_cached_target(target, str(kept)) is not None
        content = kept.read_bytes() if cached else self.fetch(target)
        operators = _operators_in(content)
        if operators is None:
            raise VerifyError(f"{OPERATORS_TARGET} is not what it should be")
        # The key that signs this file must not count to the end for the one that replaces it.
        version = self._root_version()
        if operators.generation >= version:
            raise VerifyError(
                f"{OPERATORS_TARGET}: generation {operators.generation}, allowed: below {version},"
                " the version of the root"
            )
        if not cached:
            write_durably(kept, content, disk=self._disk)
        return operators

    def paths(self) -> list[str]:
        """Return the paths of all targets, as ``refresh`` has found them. Raises OSError."""
        file = self._work / "metadata" / "targets.json"
        return sorted(Metadata[Targets].from_file(str(file)).signed.targets)

    def target(self, path: str) -> TargetFile | None:
        """Return what the metadata say of a target; None where it is no target. Raises as above."""
        with self._refusals("metadata"):
            return self._updater.get_targetinfo(path)

    def fetch(self, target: TargetFile) -> bytes:
        """Return a target's content, verified.

        Raises:
            VerifyError: not to be had, or of another length or digest.
            OSError: the disk is full, or not writable.
        """
        file = self._work / "target"
        with self._refusals(target.path):
            self._updater.download_target(target, str(file))
        content = file.read_bytes()
        self._disk.remove(file)
        return content

    @contextlib.contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        try:
            yield
        except RepositoryError as error:
            raise VerifyError(f"{what} refused: {_said(error)}") from error
        except DownloadError as error:
            raise VerifyError(f"{what} not to be had: {_said(error)}") from error

    def _prepare_work(self) -> None:
        """Let python-tuf work on a copy: what it writes would not outlive a power cut."""
        if self._work.exists():
            self._disk.remove_tree(self._work)
        for folder in (self._work, self._work / "metadata", self._work / "metadata" / _HISTORY):
            self._disk.make_folder(folder)
        for name in self._files(self._trusted):
            content = (self._trusted / name).read_bytes()
            self._disk.write(self._work / "metadata" / name, content)

    def _keep(self) -> None:
        for name in self._files(self._work / "metadata"):
            content = (self._work / "metadata" / name).read_bytes()
            kept = self._trusted / name
            if not kept.exists() or kept.read_bytes() != content:
                write_durably(kept, content, disk=self._disk)

    def _files(self, folder: Path) -> list[str]:
        """Return metadata files in the order in which each is verified by the one before."""
        roots = sorted(
            (folder / _HISTORY).glob("[0-9]*.root.json"), key=lambda file: int(file.name[:-10])
        )
        roles = [f"{role}.json" for role in _ROLES if (folder / f"{role}.json").exists()]
        return [*(f"{_HISTORY}/{file.name}" for file in roots), *roles]

    def _root_version(self) -> int:
        return Metadata[Root].from_file(str(self._work / "metadata" / "root.json")).signed.version

    def _expiries(self) -> dict[str, datetime]:
        folder = self._work / "metadata"
        names = ("root", *_ROLES)
        return {
            name: Metadata.from_file(str(folder / f"{name}.json")).signed.expires for name in names
        }

    def _warnings(self, expiries: dict[str, datetime], now: datetime) -> Iterator[str]:
        if now < self.floor:
            yield f"the clock says {now:%Y-%m-%d %H:%M}, but it was {self.floor:%Y-%m-%d} already"
        for role, expires in expiries.items():
            left = expires - max(now, self.floor)
            if left < _EARLY:
                yield f"{role} metadata expire in {left.total_seconds() / 86_400:.1f} days"

    def _kept_floor(self) -> datetime | None:
        try:
            content = (self._trusted / _FLOOR_FILE).read_bytes()
            return msgspec.json.decode(content, type=_Floor).at
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None


def kept_operators(folder: Path) -> Operators | None:
    """Return whose desires counted the last time that the metadata were verified; None: nobody's.

    To say whose desire cannot be followed while the metadata are refused, and nothing else.

    Args:
        folder: ``{state_dir}/update``.
    """
    try:
        return _operators_in((folder / TRUSTED / OPERATORS_TARGET).read_bytes())
    except OSError:
        return None


def _operators_in(content: bytes) -> Operators | None:
    try:
        return msgspec.json.decode(content, type=Operators)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _said(error: Exception) -> str:
    """Return what an error says; python-tuf lets some say nothing."""
    cause = error.__cause__
    return str(error) or (str(cause) if cause is not None else "") or type(error).__name__
