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
from edge_agent.bundle.overlay import require_calibrated
from edge_agent.daemon.keep import replace_file
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
        self, remembered: Path | None, loaded: Mapping[str, LoadedBundle] = MappingProxyType({})
    ) -> None:
        """Remember in the file ``remembered``; None: verify every time.

        ``loaded`` holds bundles by sha256 that need not be loaded again.
        """
        self._remembered = remembered
        self._by_path: dict[str, LoadedBundle | str] = {}
        self._by_sha256 = dict(loaded)
        self._versions = versions()

    def renewed(self) -> Self:
        """Return one that reads every file anew, but loads no bundle that is loaded here."""
        return type(self)(self._remembered, self._by_sha256)

    def keep(self, in_use: Collection[str]) -> None:
        """Let go of every bundle whose sha256 is not ``in_use``."""
        self._by_path.clear()
        for sha256 in self._by_sha256.keys() - set(in_use):
            del self._by_sha256[sha256]

    def load(self, path: str) -> LoadedBundle:
        """Return the bundle at ``path``.

        Raises:
            BundleError: damaged, or general and not commissioned, or it cannot run here, or
                computes other numbers here.
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

    def _load(self, path: Path) -> LoadedBundle:
        bundle = Bundle.read(path)
        require_calibrated(bundle)
        if bundle.sha256 in self._by_sha256:
            return self._by_sha256[bundle.sha256]
        loaded = bundle.load()
        if not self._has_shown(bundle.sha256):
            bundle.verify_golden(loaded)
            self._remember(bundle.sha256)
        self._by_sha256[bundle.sha256] = loaded
        return loaded

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

    def _remember(self, sha256: str) -> None:
        if self._remembered is None:
            return
        try:
            content = msgspec.json.encode({**self._read(), sha256: self._versions})
            replace_file(self._remembered, content, durable=False)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._remembered, error)
