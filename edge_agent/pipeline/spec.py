"""All parameters of the arrow in one value."""

import msgspec

from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.budget import BudgetSpec
from edge_agent.pipeline.denoise import DenoiseSpec
from edge_agent.pipeline.features import FeatureSpec
from edge_agent.pipeline.gate import GateSpec
from edge_agent.pipeline.level import LevelSpec
from edge_agent.pipeline.model import ModelSpec
from edge_agent.pipeline.regime import RegimeSpec
from edge_agent.pipeline.scaler import ScalerSpec
from edge_agent.pipeline.scorer import ScorerSpec
from edge_agent.pipeline.season import SeasonSpec
from edge_agent.pipeline.smoothing import SmoothingSpec
from edge_agent.pipeline.threshold import ThresholdSpec


class FlowSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All parameters of the arrow, in its order; the heart of a bundle's manifest."""

    input: InputSpec
    features: tuple[FeatureSpec, ...]
    feature_names: tuple[str, ...]
    gate: GateSpec | None
    denoise: DenoiseSpec | None
    scaler: ScalerSpec
    model: ModelSpec
    scorer: ScorerSpec
    smoothing: SmoothingSpec
    threshold: ThresholdSpec
    alarm: AlarmSpec
    level: LevelSpec | None
    season: SeasonSpec | None = None
    budget: BudgetSpec | None = None
    regime: RegimeSpec | None = None

    def __post_init__(self) -> None:
        """Refuse context that nothing takes off. Raises ValueError."""
        context, watched = self.input.context, len(self.watched_names)
        regime = self.regime
        fits = (
            not context
            if regime is None
            else self.feature_names[watched:] == context
            and regime.features == tuple(range(watched))
            and regime.context == tuple(range(watched, len(self.feature_names)))
        )
        if not fits:
            raise ValueError(
                f"input.context is {list(context)}, allowed: the last of feature_names, with a"
                " regime that takes all of them off all others; or none and no regime"
            )

    @property
    def watched_names(self) -> tuple[str, ...]:
        """Names of what is left of a vector behind the regime: the features without the context."""
        return self.feature_names[: len(self.feature_names) - len(self.input.context)]
