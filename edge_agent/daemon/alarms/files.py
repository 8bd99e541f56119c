"""The files of the alarms below the agent's state directory."""

import logging
from pathlib import Path

import msgspec

from edge_agent.daemon.alarms.kept import FORMAT, Kept
from edge_agent.daemon.alarms.messages import Group
from edge_agent.disk import write_durably

_log = logging.getLogger(__name__)

_UNUSABLE = (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class AlarmFiles:
    """``alarms/assets/ASSET.json`` and ``alarms/groups.json``, replaced as a whole."""

    def __init__(self, state_dir: Path) -> None:
        """Keep the files below ``state_dir``; their folder is made with the first of them."""
        self._folder = state_dir / "alarms"

    def load(self, asset: str) -> Kept:
        """Return what is kept of ``asset``; where that is nothing usable, a line in the log."""
        file = self._file(asset)
        try:
            kept = msgspec.json.decode(file.read_bytes(), type=Kept)
        except FileNotFoundError:
            return Kept()
        except _UNUSABLE as error:
            _log.warning("asset %s: what was said of alarms is lost: %s: %s", asset, file, error)
            return Kept()
        if kept.format != FORMAT:
            _log.warning("asset %s: %s is of format %d, not %d", asset, file, kept.format, FORMAT)
            return Kept()
        return kept

    def save(self, asset: str, kept: Kept) -> bool:
        """Replace what is kept of ``asset``; return whether it is on the disk."""
        return self._replace(self._file(asset), msgspec.json.encode(kept))

    def load_groups(self) -> tuple[Group, ...]:
        """Return the open groups; as ``load``."""
        file = self._folder / "groups.json"
        try:
            return msgspec.json.decode(file.read_bytes(), type=tuple[Group, ...])
        except FileNotFoundError:
            return ()
        except _UNUSABLE as error:
            _log.warning("open groups are lost: %s: %s", file, error)
            return ()

    def save_groups(self, groups: tuple[Group, ...]) -> bool:
        """Replace the open groups; return whether they are on the disk."""
        return self._replace(self._folder / "groups.json", msgspec.json.encode(groups))

    def _file(self, asset: str) -> Path:
        return self._folder / "assets" / f"{asset}.json"

    @staticmethod
    def _replace(file: Path, content: bytes) -> bool:
        try:
            write_durably(file, content)
        except OSError as error:
            _log.warning("%s cannot be written: %s", file, error.strerror or error)
            return False
        return True
