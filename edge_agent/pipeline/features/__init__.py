"""From a window of samples to a vector of named numbers."""

from edge_agent.pipeline.features.context import Extractor, window_extractor
from edge_agent.pipeline.features.extract import (
    FeatureExtractor,
    FeatureFailedError,
    FeatureSpec,
    FeatureUnavailableError,
    feature_hash,
    installed_spec,
)

__all__ = [
    "Extractor",
    "FeatureExtractor",
    "FeatureFailedError",
    "FeatureSpec",
    "FeatureUnavailableError",
    "feature_hash",
    "installed_spec",
    "window_extractor",
]
