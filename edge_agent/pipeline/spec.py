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
