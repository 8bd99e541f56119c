"""The bundles in use: each read, verified and loaded once, however many assets follow it."""

import logging
import platform
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec
import numpy as np

from edge_agent.bundle import Bundle, BundleError, LoadedBundle
from edge_agent.bundle.overlay import apply_overlay, require_calibrated
from edge_agent.daemon.commissioning.listening import listen
from edge_agent.daemon.commissioning.overlays import Overlays
from edge_agent.daemon.commissioning.renew import renew
from edge_agent.daemon.config.settings import Asset
from edge_agent.disk import replace_file
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.runtime import installed_runtime

_log = logging.getLogger(__name__)


def versions() -> dict[str, str]:
    """Return the versions of what computes the scores, and the kind of machine it computes on."""
    runtime = installed_runtime()
    return {
        "edge-agent": version("edge-agent"),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "PyWavelets": version("PyWavelets"),
        runtime: version(runtime),
    }


class Models:
    """Loads bundles, and remembers on the disk which have shown their golden scores here."""

    def __init__(
        self,
        remembered: Path | None,
        overlays: Overlays | None = None,
        loaded: Mapping[str, LoadedBundle] = MappingProxyType({}),
    ) -> None:
        """Remember in the file ``remembered``; None: verify every time.

        Args:
            remembered: file.
            overlays: what assets were commissioned to; None: nothing is known of that.
            loaded: bundles by their model id that need not be loaded again.
        """
        self._remembered = remembered
        self._overlays = overlays
        self._by_path: dict[str, LoadedBundle | Bundle | str] = {}
        self._by_id = dict(loaded)
        self._versions = versions()

    def renewed(self) -> Self:
        """Return one that reads every file anew, but loads no bundle that is loaded here."""
        return type(self)(self._remembered, self._overlays, self._by_id)

    def keep(self, in_use: Collection[str]) -> None:
        """Let go of every bundle whose model id is not ``in_use``."""
        self._by_path.clear()
        for model_id in self._by_id.keys() - set(in_use):
            del self._by_id[model_id]

    def load(self, path: str) -> LoadedBundle:
        """Return the bundle at ``path``, for whatever asset.

        Raises:
            BundleError: damaged, or general, or it cannot run here, or computes other numbers here.
        """
        known = self.read(path)
        if isinstance(known, LoadedBundle):
            return known
        require_calibrated(known)
        raise BundleError(f"{path}: form is {known.manifest.form}")

    def load_for(self, asset: Asset) -> LoadedBundle:
        """Return the bundle of ``asset``: a general one as it was commissioned to the asset.

        Where that is still to be done, what listens to the asset meanwhile. Where it was done
        with another general bundle, it is done again with this one, from the same windows.

        Raises:
            BundleError: as ``load``, but for general ones.
        """
        known = self.read(asset.bundle)
        if isinstance(known, LoadedBundle):
            return known
        overlay = None
        if self._overlays is not None:
            overlay = self._overlays.of(asset.name, asset.sensor.plugin, known)
            overlay = overlay or renew(self._overlays, asset, known)
        if overlay is None:
            return listen(known, asset)
        loaded = apply_overlay(overlay, known, self._network_of(known))
        return self._by_id.setdefault(loaded.model_id, loaded)

    def read(self, path: str) -> LoadedBundle | Bundle:
        """Return what is at ``path``: a calibrated bundle loaded, a general one as it was read.

        Raises:
            BundleError: damaged, or it cannot run here, or computes other numbers here.
        """
        known = self._by_path.get(path)
        if known is None:
            try:
                known = self._load(Path(path))
            except BundleError as error:
                known = str(error)
            self._by_path[path] = known
        if isinstance(known, str):
            raise BundleError(known)
        return known

    def _load(self, path: Path) -> LoadedBundle | Bundle:
        bundle = Bundle.read(path)
        is_general = bundle.manifest.form == "general"
        for known in self._by_id.values():
            if known.sha256 == bundle.sha256 and not is_general:
                return known
        has_shown = self._has_shown(bundle.sha256)
        if is_general and has_shown:
            return bundle
        loaded = bundle.load()
        if not has_shown:
            bundle.verify_golden(loaded)
            self._remember(bundle.sha256)
        if is_general:
            return bundle
        self._by_id[loaded.model_id] = loaded
        return loaded

    def _network_of(self, bundle: Bundle) -> Model | None:
        """Return the network of a general bundle where another asset has loaded it."""
        for known in self._by_id.values():
            if known.sha256 == bundle.sha256 and isinstance(known.model, Model):
                return known.model
        return None

    def _has_shown(self, sha256: str) -> bool:
        """Say whether this bundle passed here before, with all versions as they are now."""
        return self._read().get(sha256) == self._versions

    def _read(self) -> dict[str, dict[str, str]]:
        if self._remembered is None:
            return {}
        try:
            return msgspec.json.decode(
                self._remembered.read_bytes(), type=dict[str, dict[str, str]]
            )
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}  # nothing remembered: verify again

    def vouch(self, sha256: str) -> None:
        """Remember a bundle whose golden scores another process of this agent has seen here."""
        if not self._has_shown(sha256):
            self._remember(sha256)

    def _remember(self, sha256: str) -> None:
        if self._remembered is None:
            return
        try:
            content = msgspec.json.encode({**self._read(), sha256: self._versions})
            replace_file(self._remembered, content)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._remembered, error)
