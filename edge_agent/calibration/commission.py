"""A general network is made one asset's own, from the asset's first healthy windows."""

from dataclasses import dataclass

import msgspec

from edge_agent.calibration.choices import Calibration
from edge_agent.calibration.positions import NEUTRAL, asset_series
from edge_agent.calibration.prepare import Prepared, prepare
from edge_agent.calibration.reaction import calibrate_to_budget
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.scaler import ScalerSpec
from edge_agent.pipeline.spec import FlowSpec


@dataclass(frozen=True, slots=True)
class General:
    """What a general bundle says.

    Attributes:
        calibration: how the numbers of a flow are chosen.
        flow: that of its reference asset, whose feature names are neutral (``ch_rms``).
        model: the network, a TFLite file.
    """

    calibration: Calibration
    flow: FlowSpec
    model: bytes

    @property
    def features(self) -> tuple[str, ...]:
        """The features of a channel that the network takes, in order."""
        return tuple(name.removeprefix(f"{NEUTRAL}_") for name in self.flow.feature_names)


@dataclass(frozen=True, slots=True)
class Commissioned:
    """A flow of one asset, and what it was chosen from.

    Attributes:
        flow: every number from window to alarm.
        model: the network as this flow runs it.
        series: the asset's vectors, as the flow takes them.
        ready: the healthy windows.
    """

    flow: FlowSpec
    model: Model
    series: Series
    ready: Prepared


def commission(
    general: General, series: Series, healthy: tuple[int, int], asked: float | None = None
) -> Commissioned:
    """Choose idle level, scaler, scorer, threshold and level for one asset.

    The network runs over each of the asset's channels with a state of its own; their residuals
    are scored together, so that the asset has one score and one alarm. Context that the asset has,
    such as its speed, is taken off them first, by regimes of its own; the network never sees it.

    Args:
        general: the bundle's part.
        series: the asset's vectors; of a feature table, columns that are not needed do no harm.
        healthy: the windows [first, last) of ``series`` in which the asset is known to be healthy.
        asked: false alarms per month; None: the thresholds of the bundle's recipe.

    Raises:
        DataError: a channel lacks a feature; the windows are too few or outside the series; a
            number that the network knows by its logarithm has none; or the budget cannot be met.
    """
    series = asset_series(series, general.features)
    ready = prepare(general.calibration, series, healthy)
    width = len(general.features)
    positions = len(series.watched_names) // width
    _require_same_transforms(general.flow.scaler, ready.scaler, series.watched_names)
    spec = msgspec.structs.replace(
        general.flow.model,
        positions=positions,
        targets=tuple(p * width + i for p in range(positions) for i in general.flow.model.targets),
    )
    model = Model(general.model, spec, len(series.watched_names))
    flow = calibrate_to_budget(general.calibration, series, ready, model, asked)
    return Commissioned(flow, model, series, ready)


def _require_same_transforms(learned: ScalerSpec, own: ScalerSpec, names: tuple[str, ...]) -> None:
    """Refuse an asset of which the network would see other quantities than it has learned."""
    width = len(learned.transform)
    other = [
        name
        for i, name in enumerate(names)
        if own.transform[i] != learned.transform[i % width]
        or (own.power and own.power[i] != learned.power[i % width])
    ]
    if other:
        raise DataError(
            f"{', '.join(other)}: not above 0 in every healthy window, as the network knows it;"
            " allowed: channels that are not dead"
        )
