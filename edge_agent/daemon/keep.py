"""What must survive a restart: each asset's flow state, written so that a power cut leaves one."""

import errno
import fcntl
import logging
import tempfile
from pathlib import Path
from typing import IO

import msgspec

from edge_agent.disk import write_durably
from edge_agent.pipeline.state import FlowState

_log = logging.getLogger(__name__)

FORMAT = 4
USABLE_FOLDER = "a folder that can be written"


class SavedState(msgspec.Struct, frozen=True, kw_only=True):
    """State of one asset's flow, and what it belongs to.

    Attributes:
        format: of this struct.
        model_id: of what judged, see LoadedBundle.model_id; its state means nothing to another.
        clock: name of what ``last_start_ns`` counts; see WallClock.name.
        last_start_ns: start of the last window.
        flow: the state.
    """

    format: int
    model_id: str
    clock: str
    last_start_ns: int
    flow: FlowState


class StateDirectory:
    """The agent's folder below ``/var/lib``."""

    def __init__(self, path: Path) -> None:
        """Create the folder. Raises OSError."""
        self.path = path
        self._lock: IO[bytes] | None = None
        (path / "assets").mkdir(parents=True, exist_ok=True)

    def lock(self) -> bool:
        """Return whether no other agent works here; holds the lock until ``close``."""
        self._lock = _opened(self.path / "lock")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            return False
        return True

    def close(self) -> None:
        """Let the next agent in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def load(self, asset: str) -> SavedState | None:
        """Return what an earlier run saved of ``asset``, under whatever bundle.

        None, after a line in the log, where there is nothing or nothing usable: the flow then
        begins empty and is washed in.
        """
        file = self._file(asset)
        try:
            saved = msgspec.msgpack.decode(file.read_bytes(), type=SavedState)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            _log.warning("asset %s: state in %s is not usable: %s", asset, file, error)
            return None
        if saved.format != FORMAT:
            _log.info("asset %s: saved state is of another version, beginning empty", asset)
            return None
        return saved

    def save(
        self, asset: str, model_id: str, clock: str, last_start_ns: int, flow: FlowState
    ) -> None:
        """Replace what is saved of ``asset``; a full disk is logged, scoring goes on."""
        saved = SavedState(
            format=FORMAT,
            model_id=model_id,
            clock=clock,
            last_start_ns=last_start_ns,
            flow=flow,
        )
        try:
            write_durably(self._file(asset), msgspec.msgpack.encode(saved))
        except OSError as error:
            _log.warning("asset %s: state cannot be saved: %s", asset, error)

    def _file(self, asset: str) -> Path:
        # "." and ".." are valid names of assets, but not of files.
        return self.path / "assets" / f"{asset}.state"


def _opened(lock: Path) -> IO[bytes]:
    """Open ``lock``, for reading where the file system has become read-only. Raises OSError."""
    try:
        return lock.open("wb")
    except OSError as error:
        if error.errno == errno.EROFS and lock.exists():
            return lock.open("rb")
        raise


def why_unusable(path: Path) -> str | None:
    """Say what would keep an agent from using ``path`` as its folder; None where nothing would.

    Tries it, as no permission tells of a file system that is read-only or full, and leaves
    nothing behind.
    """
    for folder in (path, path / "assets"):
        try:
            with tempfile.TemporaryDirectory(dir=_nearest(folder)):
                pass
        except OSError as error:
            return f"{folder}: {error.strerror}"
    lock = path / "lock"
    try:
        lock.open("r+b").close()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{lock}: {error.strerror}"
    return None


def _nearest(folder: Path) -> Path:
    """Return ``folder``, or what it would be created in. Raises OSError."""
    while True:
        try:
            folder.lstat()
        except FileNotFoundError:
            folder = folder.parent
        else:
            return folder
