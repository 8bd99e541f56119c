"""What stands in for a model until an asset is commissioned: windows are taken, nothing is scored.

A general bundle fits any number of channels at any rate. So what the asset's windows are is known
only once its sensor is open and has delivered its first block.
"""

from dataclasses import dataclass, replace
from typing import Self

import msgspec
import numpy as np

from edge_agent.bundle import Bundle, LoadedBundle
from edge_agent.bundle.overlay import general_part
from edge_agent.calibration.positions import asset_series
from edge_agent.calibration.scaler import unit_scaler
from edge_agent.calibration.series import DataError, Series
from edge_agent.daemon.config.settings import Asset
from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.block import InputError, InputSpec, table_input
from edge_agent.pipeline.features import FeatureSpec, window_extractor
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import ModelSpec, PlainModel
from edge_agent.pipeline.regime import Regime, RegimeSpec
from edge_agent.pipeline.scaler import Transform
from edge_agent.pipeline.scorer import ScorerSpec
from edge_agent.pipeline.smoothing import SmoothingSpec
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.threshold import ThresholdSpec
from edge_agent.pipeline.vectors import feature_extractor
from edge_agent.plugin import FeatureError, SensorInfo

_ANY = 1e30


@dataclass(frozen=True, slots=True)
class ListeningBundle(LoadedBundle):
    """A general bundle in whose place an asset is listened to.

    Attributes:
        wanted: features of a channel that the network takes, in order.
        plugins: what computes them; empty where they come from tables alone.
        reference: input of the bundle's reference channel: how continuous samples are cut.
        warm_up: vectors to keep for the flow that takes over.
        channels: of the asset, in order; empty: all that its sensor has.
        context: those of them that tell the regime.
        window: samples per window of a continuous sensor; None: as the reference channel's.
        settled: the input is the asset's own, not one in its place.
    """

    wanted: tuple[str, ...] = ()
    plugins: tuple[FeatureSpec, ...] = ()
    reference: InputSpec | None = None
    warm_up: int = 1
    channels: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    window: int | None = None
    settled: bool = False

    def for_budget(self, false_alarms_per_month: float | None) -> Self:  # noqa: ARG002
        """Return itself: what can be asked for is known once the asset is commissioned."""
        return self

    def flow(self, range_max: float | None = None, limit_mm_s: float | None = None) -> Flow:
        """Return a flow that scores nothing; arguments and errors as of LoadedBundle."""
        limit_mm_s = limit_mm_s if self.settled else None
        spec = self.manifest.flow
        return Flow(spec, self.model, range_max, self.features, limit_mm_s, listens=True)

    def settle(self, info: SensorInfo, length: int) -> "ListeningBundle":
        """Return the bundle for the asset's own input.

        Args:
            info: what its sensor delivers.
            length: samples of the first block, which is a burst where the sensor has a period.

        Raises:
            InputError: no window can be cut, or no such features computed, from that.
        """
        try:
            given = self._input(info, length)
            return replace(_with_input(self, given), settled=True)
        except (FeatureError, DataError, ValueError) as error:
            raise InputError(f"{self.source}: {error}") from error

    def takes_features(self, channels: tuple[str, ...]) -> bool:
        """Say whether a sensor's ``channels`` are the features of channels themselves."""
        if not self.plugins:
            return True
        names = self.channels or channels
        return all(any(name.endswith(f"_{feature}") for name in names) for feature in self.wanted)

    def _input(self, info: SensorInfo, length: int) -> InputSpec:
        names = self.channels or info.channels
        names = (*(n for n in names if n not in self.context), *self.context)
        if self.takes_features(info.channels):
            table = table_input(names, info.period_s, self.context)
            return asset_series(_no_rows(table), self.wanted).input
        reference = self.reference
        if info.period_s is not None:
            cut = length, length
        elif self.window is not None:
            cut = self.window, self.window
        elif reference is not None and reference.kind == "samples":
            cut = reference.length, reference.hop
        else:
            raise InputError(
                "continuous samples, and neither bundle nor asset says how long a window is"
            )
        return InputSpec(
            kind="samples",
            channels=names,
            rate_hz=info.rate_hz,
            unit=info.unit,
            length=cut[0],
            hop=cut[1],
            period_s=info.period_s,
            context=self.context,
        )


def listen(bundle: Bundle, asset: Asset) -> ListeningBundle:
    """Return what stands in for the general ``bundle`` on ``asset``.

    Raises:
        BundleError: the bundle is calibrated to another asset.
    """
    general = general_part(bundle)
    placeholder = table_input(tuple(f"{f}_{f}" for f in general.features), None)
    spec = _spec(placeholder, (), placeholder.channels, general.flow.model.washout_vectors)
    return ListeningBundle(
        source=bundle.source,
        sha256=bundle.sha256,
        manifest=msgspec.structs.replace(bundle.manifest, form="calibrated", flow=spec),
        model=PlainModel(spec.model),
        features=None,
        wanted=general.features,
        plugins=bundle.manifest.plugins,
        reference=general.flow.input,
        warm_up=max(1, general.calibration.warm_up),
        channels=asset.channels,
        context=asset.context,
        window=asset.window,
    )


def _with_input(bundle: ListeningBundle, given: InputSpec) -> ListeningBundle:
    if given.kind == "features":
        plugins: tuple[FeatureSpec, ...] = ()
        names = given.channels
    else:
        plugins = bundle.plugins
        names = window_extractor(plugins, given).names
    spec = _spec(given, plugins, names, bundle.warm_up)
    return replace(
        bundle,
        manifest=msgspec.structs.replace(bundle.manifest, flow=spec),
        model=PlainModel(spec.model),
        features=feature_extractor(spec),
    )


def _spec(
    given: InputSpec, plugins: tuple[FeatureSpec, ...], names: tuple[str, ...], warm_up: int
) -> FlowSpec:
    """Return a flow of such windows whose numbers behind the features are of no meaning."""
    watched = len(names) - len(given.context)
    plain: tuple[Transform, ...] = tuple("identity" for _ in range(watched))
    return FlowSpec(
        input=given,
        features=plugins,
        feature_names=names,
        gate=None,
        denoise=None,
        scaler=unit_scaler("standard", plain),
        model=ModelSpec(
            family="none",
            form="streaming",
            quantization="none",
            window_length=1,
            state_size=0,
            targets=tuple(range(watched)),
            washout=0,
            washout_vectors=warm_up,
        ),
        scorer=ScorerSpec(kind="squared_error"),
        smoothing=SmoothingSpec(alpha=1.0),
        threshold=ThresholdSpec(value=1.0, method="fixed", parameter=1.0),
        alarm=AlarmSpec(k=1, n=1),
        level=None,
        regime=_any_regime(watched, len(given.context)),
    )


def _any_regime(watched: int, context: int) -> RegimeSpec | None:
    if not context:
        return None
    flat, any_context = (0.0,) * watched, (0.0,) * context
    regime = Regime(
        center=any_context,
        low=(-_ANY,) * context,
        high=(_ANY,) * context,
        windows=1,
        location=flat,
        slope=(flat,) * context,
        scale=(1.0,) * watched,
    )
    return RegimeSpec(
        context=tuple(range(watched, watched + context)),
        span=(1.0,) * context,
        margin=0.0,
        features=tuple(range(watched)),
        logarithm=(False,) * watched,
        location=flat,
        scale=(1.0,) * watched,
        regimes=(regime,),
    )


def _no_rows(given: InputSpec) -> Series:
    none = np.empty(0, dtype=np.int64)
    vectors = np.empty((0, len(given.channels)), dtype=np.float32)
    return Series(given, (), given.channels, vectors, none, none, np.empty(0, dtype=np.bool_))
