"""The libraries of the extra ``formats``: imported when a file needs them, and not before."""

import importlib
from pathlib import Path
from typing import Any

from edge_agent.recordings.recording import ExtraMissingError


def formats_module(name: str, path: Path, what: str) -> Any:  # noqa: ANN401 - untyped libraries
    """Import ``name`` to read ``path``.

    Raises:
        ExtraMissingError: the extra is not installed; the text names it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExtraMissingError(
            path,
            f"reading {what} files needs the extra 'formats':"
            f" pip install 'edge-agent[formats]' ({error})",
        ) from error
