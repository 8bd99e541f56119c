"""The overlays of all assets on the disk: the one in use, and the one before it for a way back."""

import contextlib
import logging
from pathlib import Path

import msgspec

from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import Overlay, OverlayError, encode_overlay, read_overlay
from edge_agent.daemon.recorder.recorder import FOLDER as RECORDER
from edge_agent.disk import write_durably

_log = logging.getLogger(__name__)

FOLDER = "overlays"
_TRIED = "tried"  # below it


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A commissioning that was asked for and is not done.

    Attributes:
        since: index of the first window to learn from.
        windows: of the running machine that are needed.
        by: who asked; None: the agent itself, for an asset without an overlay.
    """

    since: int
    windows: int
    by: str | None = None


def overlays_in(state_dir: Path) -> "Overlays":
    """Return the overlays of the agent whose folder that is."""
    return Overlays(state_dir / FOLDER, state_dir / RECORDER)


def tried_overlays_in(state_dir: Path) -> "Overlays":
    """Return the same for bundles on trial, whose overlays take no other's place."""
    return Overlays(state_dir / FOLDER, state_dir / RECORDER, tried=True)


class Overlays:
    """Reads and writes overlays; any thread may read."""

    def __init__(self, folder: Path, recorder: Path, *, tried: bool = False) -> None:
        """Keep the files in ``folder``, which is created with the first of them.

        Args:
            folder: of those in use.
            recorder: folder of the recorder that the windows named in them are in.
            tried: what is kept is in use nowhere but in a trial.
        """
        self._folder = folder
        self._tried = folder / _TRIED if tried else None
        self.recorder = recorder

    def of(self, asset: str, sensor: str, bundle: Bundle) -> Overlay | None:
        """Return what ``asset`` was commissioned to with ``bundle`` on plugin ``sensor``.

        None, after a line in the log where there is one that cannot be used.
        """
        files = [self._file(asset), self._before(asset)]
        if self._tried is not None:
            files.append(self._tried / f"{asset}.json")
        for file in files:
            overlay = self._read(asset, file)
            if overlay is None:
                continue
            why = misfit(overlay, sensor, bundle)
            if why is None:
                return overlay
            _log.info("asset %s: %s is not used: %s", asset, file.name, why)
        return None

    def newest(self, asset: str) -> Overlay | None:
        """Return the asset's overlay, of whatever bundle."""
        return self._read(asset, self._file(asset))

    def keep(self, asset: str, overlay: Overlay) -> None:
        """Write what ``asset`` was commissioned to; the one before stays. Raises OSError."""
        if self._tried is not None:
            write_durably(self._tried / f"{asset}.json", encode_overlay(overlay))
            return
        file, before = self._file(asset), self._newest_or_none(asset)
        if before is not None and before.model_sha256 != overlay.model_sha256:
            write_durably(self._before(asset), encode_overlay(before))
        write_durably(file, encode_overlay(overlay))

    def wanted(self, asset: str) -> Wanted | None:
        """Return the commissioning that was asked for and is not done."""
        try:
            return msgspec.json.decode(self._request(asset).read_bytes(), type=Wanted)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            _log.warning("asset %s: %s: %s", asset, self._request(asset), error)
            return None

    def want(self, asset: str, wanted: Wanted | None) -> None:
        """Write what is asked for, durable; None: nothing any more. Raises OSError."""
        if wanted is None:
            self._request(asset).unlink(missing_ok=True)
            return
        write_durably(self._request(asset), msgspec.json.encode(wanted))

    def _newest_or_none(self, asset: str) -> Overlay | None:
        with contextlib.suppress(OverlayError):
            return read_overlay(self._file(asset))
        return None

    def _read(self, asset: str, file: Path) -> Overlay | None:
        if not file.exists():
            return None
        try:
            return read_overlay(file)
        except OverlayError as error:
            _log.warning("asset %s: %s", asset, error)
            return None

    def _file(self, asset: str) -> Path:
        return self._folder / f"{asset}.json"

    def _before(self, asset: str) -> Path:
        # Names of assets may hold dots: another one's own overlay must not be called the same.
        return self._folder / f"{asset}.before"

    def _request(self, asset: str) -> Path:
        return self._folder / f"{asset}.wanted"


def misfit(overlay: Overlay, sensor: str, bundle: Bundle) -> str | None:
    """Say why ``overlay`` must not be used with ``bundle`` on plugin ``sensor``; None: it may."""
    manifest = bundle.manifest
    model = manifest.members.get("model.tflite")
    if model is None or overlay.model_sha256 != model.sha256:
        return "it was made with another network"
    if overlay.feature_hash != manifest.feature_hash:
        return "it was made for other features"
    if overlay.sensor not in (None, sensor):
        return f"it was made with sensor {overlay.sensor}, found {sensor}"
    return None
