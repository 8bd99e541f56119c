"""The versions of what makes a bundle, for its manifest."""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from edge_agent.pipeline.runtime import RUNTIMES

_VERSIONED = ("edge-agent", "tensorflow-cpu", "tensorflow", "keras", "numpy", *RUNTIMES)


def tool_versions() -> dict[str, str]:
    """Return the version of each that is installed."""
    found = {}
    for name in _VERSIONED:
        with suppress(PackageNotFoundError):  # TensorFlow has two names, and one runtime will do
            found[name] = version(name)
    return found
