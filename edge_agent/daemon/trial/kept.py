"""Trials on the disk: one file for each asset, so that a restart costs none of them a window."""

import logging
from pathlib import Path

import msgspec

from edge_agent.daemon.trial.report import KeptTrial
from edge_agent.disk import write_durably

_log = logging.getLogger(__name__)

FORMAT = 1
FOLDER = "trials"


class TrialFiles:
    """The folder of all trials."""

    def __init__(self, state_dir: Path) -> None:
        """Use the folder below ``state_dir``; it is made with the first trial."""
        self._folder = state_dir / FOLDER

    def load(self) -> list[KeptTrial]:
        """Return all trials; what is damaged or of another version is passed over and logged."""
        found = []
        for file in sorted(self._folder.glob("*.trial")):
            try:
                kept = msgspec.msgpack.decode(file.read_bytes(), type=KeptTrial)
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
                _log.warning("trial in %s is not usable: %s", file, error)
                continue
            if kept.format == FORMAT:
                found.append(kept)
        return found

    def save(self, asset: str, content: bytes) -> None:
        """Replace what is kept of a trial, see ``encoded``. Raises OSError."""
        write_durably(self._file(asset), content)

    def remove(self, asset: str) -> None:
        """Keep nothing of a trial. Raises OSError."""
        self._file(asset).unlink(missing_ok=True)

    def _file(self, asset: str) -> Path:
        # "." and ".." are valid names of assets, but not of files.
        return self._folder / f"{asset}.trial"


def encoded(kept: KeptTrial) -> bytes:
    """Return the content of a trial's file: a copy, while the trial goes on."""
    return msgspec.msgpack.encode(kept)
