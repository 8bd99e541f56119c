"""The one file that goes from trainer to gateway."""

from edge_agent.bundle.bundle import (
    SUFFIX,
    Bundle,
    BundleError,
    BundleUnavailableError,
    encode_bundle,
)
from edge_agent.bundle.golden import Golden, make_golden
from edge_agent.bundle.loaded import LoadedBundle
from edge_agent.bundle.manifest import SCHEMA_VERSION, Manifest, Training, identity_problem

__all__ = [
    "SCHEMA_VERSION",
    "SUFFIX",
    "Bundle",
    "BundleError",
    "BundleUnavailableError",
    "Golden",
    "LoadedBundle",
    "Manifest",
    "Training",
    "encode_bundle",
    "identity_problem",
    "make_golden",
]
