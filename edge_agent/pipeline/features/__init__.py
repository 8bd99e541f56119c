"""From a window of samples to a vector of named numbers."""

from edge_agent.pipeline.features.extract import (
    FeatureExtractor,
    FeatureSpec,
    FeatureUnavailableError,
    feature_hash,
    installed_spec,
)

__all__ = [
    "FeatureExtractor",
    "FeatureSpec",
    "FeatureUnavailableError",
    "feature_hash",
    "installed_spec",
]
