"""What each asset was like when it was healthy, kept in one small file per asset."""

import hashlib
import logging
from pathlib import Path

import msgspec

from edge_agent.bundle.manifest import Manifest
from edge_agent.disk import replace_file
from edge_agent.pipeline.features import feature_hash
from edge_agent.pipeline.healthy import Healthy

_log = logging.getLogger(__name__)

FORMAT = 1


class _Saved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in the file; ``key`` says what windows it was learned from."""

    format: int
    key: str
    healthy: Healthy


class Unkept:
    """In place of a file: what is learned is for this run alone.

    Attributes:
        asset: its name.
    """

    def __init__(self, asset: str) -> None:
        """Begin knowing nothing of ``asset``."""
        self.asset = asset
        self._healthy: Healthy | None = None

    def load(self) -> Healthy | None:
        """Return what was learned."""
        return self._healthy

    def save(self, healthy: Healthy) -> None:
        """Remember what was learned."""
        self._healthy = healthy

    def forget(self) -> None:
        """Know nothing again."""
        self._healthy = None


class Reference:
    """The file of one asset. It outlives a change of the model: the machine is the same.

    Attributes:
        asset: its name.
    """

    def __init__(
        self, folder: Path, asset: str, manifest: Manifest, names: tuple[str, ...]
    ) -> None:
        """Keep what is learned of ``asset`` from windows as ``manifest`` takes them.

        Args:
            folder: where the file lies; created when it is first written.
            asset: name of the asset.
            manifest: of the bundle.
            names: of what is learned.
        """
        self.asset = asset
        # "." and ".." are valid names of assets, but not of files.
        self._file = folder / f"{asset}.healthy"
        flow = manifest.flow
        parts = (feature_hash(flow.features, flow.feature_names), flow.input, names)
        self._key = hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()

    def load(self) -> Healthy | None:
        """Return what was learned, None where there is nothing that fits; never fails."""
        try:
            saved = msgspec.msgpack.decode(self._file.read_bytes(), type=_Saved)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            _log.warning("asset %s: %s is not usable: %s", self.asset, self._file, error)
            return None
        if saved.format != FORMAT or saved.key != self._key:
            _log.info("asset %s: learning anew what is healthy: other features", self.asset)
            return None
        return saved.healthy

    def save(self, healthy: Healthy) -> None:
        """Replace what is kept, whole or not at all. Raises OSError."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        saved = _Saved(format=FORMAT, key=self._key, healthy=healthy)
        replace_file(self._file, msgspec.msgpack.encode(saved))

    def forget(self) -> None:
        """Remove the file. Raises OSError."""
        self._file.unlink(missing_ok=True)
