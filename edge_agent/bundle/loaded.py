"""What stays in memory of a bundle while it judges."""

from dataclasses import dataclass, replace
from typing import Self

import msgspec

from edge_agent.bundle.manifest import Manifest
from edge_agent.calibration.budget import with_budget
from edge_agent.pipeline.features import Extractor
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import AnyModel

_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class LoadedBundle:
    """A bundle ready to judge: neither its golden vectors nor the model's bytes.

    All assets that follow the bundle share one, within one thread: network and features hold no
    state from one window to the next, but each has memory in which it works.

    Attributes:
        source: the file.
        sha256: of the file.
        manifest: its parameters.
        model: its network, or what stands in for it.
        features: what computes its vectors; None where its input is features.
        overlay: digest of the overlay by which a general bundle was made the asset's own; None
            where there is none.
    """

    source: str
    sha256: str
    manifest: Manifest
    model: AnyModel
    features: Extractor | None
    overlay: str | None = None

    @property
    def model_id(self) -> str:
        """What scored a window, in short: the bundle, and the overlay where there is one."""
        parts = (self.sha256, self.overlay)
        return "+".join(part[:_ID_DIGITS] for part in parts if part is not None)

    def for_budget(self, false_alarms_per_month: float | None) -> Self:
        """Return the bundle with thresholds for another budget; None: with its own.

        Raises:
            BudgetError: its calibration cannot support the budget.
        """
        if false_alarms_per_month is None:
            return self
        flow = with_budget(self.manifest.flow, false_alarms_per_month)
        return replace(self, manifest=msgspec.structs.replace(self.manifest, flow=flow))

    def flow(self, range_max: float | None = None, limit_mm_s: float | None = None) -> Flow:
        """Return a fresh flow of one asset.

        Args:
            range_max: largest magnitude the asset's sensor delivers, to mark clipped windows.
            limit_mm_s: rms velocity that the asset may not exceed; None: no such limit.

        Raises:
            FeatureError: there is a limit, and no velocity can be had from such windows.
        """
        return Flow(self.manifest.flow, self.model, range_max, self.features, limit_mm_s)
