"""Spectra with fault lines, from those of a bundle's features that show them."""

from collections.abc import Sequence

from edge_agent.pipeline.features.extract import FeatureSpec, configured_feature
from edge_agent.plugin import (
    CentredWindow,
    FeatureInput,
    LineSpectrum,
    PluginError,
    ShowsLines,
    load,
)


class LineFinder:
    """Asks the features that know where faults would show; its own ones, for another thread."""

    def __init__(self, specs: Sequence[FeatureSpec], given: FeatureInput) -> None:
        """Configure those of ``specs`` that show lines. Raises FeatureError as FeatureExtractor."""
        self._features: list[ShowsLines] = []
        for spec in specs:
            try:
                shows = hasattr(load("features", spec.plugin), "line_spectrum")
            except PluginError:  # said by whoever computes with it
                continue
            if shows:
                feature: object = configured_feature(spec, given)
                assert isinstance(feature, ShowsLines)  # noqa: S101 - it has the only method
                self._features.append(feature)

    def spectra(self, window: CentredWindow) -> list[LineSpectrum]:
        """Return what each of them shows of ``window``."""
        return [feature.line_spectrum(window) for feature in self._features]
