"""How the numbers of a bundle are to be chosen: the part of a recipe that a gateway can repeat."""

from typing import Literal

import msgspec

from edge_agent.calibration.season import SeasonChoice
from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.denoise import DenoiseSpec
from edge_agent.pipeline.dynamic import DynamicSpec
from edge_agent.pipeline.scorer import ScorerKind
from edge_agent.pipeline.smoothing import SmoothingSpec
from edge_agent.pipeline.threshold import Method


class ScalerChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How vectors are scaled.

    Attributes:
        kind: see pipeline.scaler.
        transform: ``identity``; ``log``: logarithms of what is always above 0; or ``shape``:
            logarithms, with what follows the level taken relative to it.
        input_clip: see pipeline.scaler.
        widen_windows: the scale is widened by 1 + this / n for n healthy windows, because a short
            healthy period shows less than the whole spread.
    """

    kind: Literal["standard", "min_max", "robust"]
    transform: Literal["identity", "log", "shape"] = "identity"
    input_clip: float | None = None
    widen_windows: float = 0.0


class ScorerChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How residuals are scored.

    Attributes:
        kind: see pipeline.scorer; ``pca`` is a ``mahalanobis`` whose matrix comes from principal
            components, see calibration.pca.
        shrinkage: share of the identity in the correlation that is inverted; at least
            d / (n + d) for d features and n windows is taken.
        cap: see pipeline.scorer.
        scale_floor: least scale of a residual, in scaled units.
        offset: see pipeline.scorer.
        upward: see pipeline.scorer.
        retained: ``pca`` only: share of the variance that the components in use must hold.
        index: likewise: which distance, see calibration.pca.
    """

    kind: ScorerKind | Literal["pca"]
    shrinkage: float = 0.0
    cap: float | None = None
    scale_floor: float = 0.0
    offset: float = 0.0
    upward: bool = False
    retained: float = 0.9
    index: Literal["combined", "t2", "spe"] = "combined"

    def __post_init__(self) -> None:
        """Refuse a share of nothing or of more than all. Raises ValueError."""
        if not 0.0 < self.retained < 1.0:
            raise ValueError(f"scorer.retained is {self.retained}, allowed: above 0, below 1")


class ThresholdChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the threshold is chosen from healthy scores; see pipeline.threshold.

    Attributes:
        method: see there.
        parameter: of the method.
        scores: of the windows held out from the fit, or of all healthy windows.
        least_margin: ``log_median_sigma`` only: least distance of ln threshold from the median.
        widen_windows: likewise: the margin is widened by 1 + this / n for n healthy windows.
        close_share: likewise: an alarm closes below this share of the margin; None takes
            ``close_ratio`` of the alarm rule.
        block: ``conformal`` only: scores whose largest counts as one.
        dynamic: ``dynamic`` only: how it follows the scores; as published by default.
    """

    method: Method
    parameter: float
    scores: Literal["held_out", "healthy"] = "held_out"
    least_margin: float = 0.0
    widen_windows: float = 0.0
    close_share: float | None = None
    block: int = 1
    dynamic: DynamicSpec | None = None


class LevelChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The level detector beside the network.

    Attributes:
        alpha: weight of the newest level.
        cap: see pipeline.level.
        threshold: least threshold of the score.
        sigmas: the threshold is at least median + this many robust scales of the healthy scores.
        margin: the threshold is at least this many times their 99th percentile.
        widen_windows: as for the scaler.
        alarm: its alarm rule.
    """

    alpha: float
    cap: float | None
    threshold: float
    sigmas: float
    margin: float
    widen_windows: float
    alarm: AlarmSpec


class GateChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Idle where every channel is below this share of its healthy median level.

    ``limit_s``: see pipeline.gate.
    """

    idle_share: float
    limit_s: float


class RegimeChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How regimes are told apart, where the input has context channels.

    Attributes:
        least_windows: of a regime; what was seen less often stays unseen.
        most: regimes.
        margin: see pipeline.regime; contexts that lie farther apart than two margins, with nothing
            between them, are never one regime.
    """

    least_windows: int = 20
    most: int = 12
    margin: float = 0.1


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is chosen from healthy windows once there is a network.

    Attributes:
        targets: features to predict, as the part of their name after the channel; empty: all.
        held_out_share: share of the healthy windows, the latest ones, that the network is not
            fitted on.
        washout: windows not scored after a cold start.
        warm_up: vectors kept to warm a state up after a swap.
        regime: how regimes are told apart, where the input has context.
    """

    targets: tuple[str, ...] = ()
    held_out_share: float
    washout: int
    warm_up: int
    gate: GateChoice | None = None
    season: SeasonChoice | None = None
    denoise: DenoiseSpec | None = None
    scaler: ScalerChoice
    scorer: ScorerChoice
    smoothing: SmoothingSpec
    threshold: ThresholdChoice
    alarm: AlarmSpec
    level: LevelChoice | None = None
    regime: RegimeChoice = RegimeChoice()
