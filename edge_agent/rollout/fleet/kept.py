"""Rollouts in the home folder: plan and progress, who drives one here, and what it is asked.

rollouts/{id}.json       plan and progress, replaced whole
rollouts/{id}.lock       locked by the process that drives it, for as long as that lives
rollouts/{id}.wish.json  what another command asks of that process
"""

import contextlib
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.disk import DISK, write_durably
from edge_agent.rollout.fleet.states import Progress


class RolloutError(Exception):
    """There is no such rollout, or it cannot be read; the message says which."""


class NoneStartedError(RolloutError):
    """There is no rollout at all."""


class DrivenError(Exception):
    """Another process here drives the rollout."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever drives a rollout is asked to do.

    Attributes:
        action: what to do; only whoever begins to drive resumes.
        take_back: with abort: what moved goes back.
        reason: who asks.
    """

    action: Literal["pause", "resume", "abort"]
    take_back: bool = False
    reason: str


class Kept:
    """The folder ``rollouts``."""

    def __init__(self, folder: Path) -> None:
        """Read and write in ``folder``."""
        self._folder = folder

    def all(self) -> list[Progress]:
        """Return every rollout, oldest first. Raises RolloutError."""
        files = self._folder.glob("*.json")
        names = [file.stem for file in files if not file.name.endswith(".wish.json")]
        return sorted((self.read(name) for name in names), key=lambda found: found.plan.created)

    def newest(self) -> str:
        """Return the id of the rollout that was begun last. Raises NoneStartedError."""
        found = self.all()
        if not found:
            raise NoneStartedError(f"{self._folder}: no rollout was started yet")
        return found[-1].plan.rollout

    def read(self, rollout: str) -> Progress:
        """Return plan and progress. Raises RolloutError."""
        file = self._file(rollout)
        try:
            return msgspec.json.decode(file.read_bytes(), type=Progress)
        except FileNotFoundError as error:
            raise RolloutError(f"{rollout}: there is no such rollout") from error
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RolloutError(f"{file}: {error}") from error

    def write(self, progress: Progress) -> None:
        """Keep plan and progress. Raises OSError."""
        write_durably(self._file(progress.plan.rollout), msgspec.json.encode(progress))

    def forget(self, rollout: str) -> None:
        """Delete a rollout that was never driven. Raises OSError."""
        self._file(rollout).unlink(missing_ok=True)
        DISK.sync(self._folder)

    @contextmanager
    def driving(self, rollout: str) -> Iterator[None]:
        """Be the one process that drives it; the lock ends with the process, however it ends.

        Raises:
            DrivenError: another one does.
            OSError: the folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._file(rollout, ".lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DrivenError(f"{rollout}: another process here drives it") from error
            self._file(rollout, ".wish.json").unlink(missing_ok=True)
            yield

    def is_driven(self, rollout: str) -> bool:
        """Say whether a process here drives it."""
        try:
            with self._file(rollout, ".lock").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def ask(self, rollout: str, wish: Wish) -> None:
        """Ask whoever drives it. Raises OSError."""
        write_durably(self._file(rollout, ".wish.json"), msgspec.json.encode(wish))

    def asked(self, rollout: str) -> Wish | None:
        """Return what it is asked, once."""
        file = self._file(rollout, ".wish.json")
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            wish = msgspec.json.decode(file.read_bytes(), type=Wish)
            file.unlink()
            return wish
        return None

    def _file(self, rollout: str, suffix: str = ".json") -> Path:
        return self._folder / f"{rollout}{suffix}"
