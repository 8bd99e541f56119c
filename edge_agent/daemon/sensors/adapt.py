"""Between a sensor and a bundle: the asset's channels, sensitivity and unit; whether all fits."""

from dataclasses import replace

import numpy as np

from edge_agent.bundle.fit import misfits, paired_names, wrong_choice
from edge_agent.daemon.config.settings import Asset
from edge_agent.pipeline.block import InputSpec
from edge_agent.plugin import Block, SensorInfo


class Adapter:
    """Turns what one sensor delivers into what one bundle takes, as the configuration says."""

    def __init__(self, asset: Asset, needed: InputSpec) -> None:
        """Prepare for ``asset``, whose bundle takes ``needed``."""
        self._asset = asset
        self._needed = needed

    @property
    def takes_features(self) -> bool:
        """The bundle takes feature vectors, of which a number may be missing."""
        return self._needed.kind == "features"

    def info(self, given: SensorInfo) -> SensorInfo:
        """Say what the adapted blocks of a sensor that is ``given`` will look like."""
        settings = self._asset.sensor
        unit = settings.unit if settings.sensitivity is not None else given.unit or settings.unit
        scale = settings.sensitivity or 1.0
        own_range = None if given.range_max is None else given.range_max / scale
        return replace(
            given,
            channels=self._names(given.channels),
            unit=unit,
            range_max=settings.range_max or own_range,
        )

    def problems(self, given: SensorInfo) -> list[tuple[str, str]]:
        """Say what of the sensor ``given`` does not fit: pairs of key below the asset, sentence."""
        wrong_unit = self._wrong_unit(given)
        if wrong_unit is not None:
            return [("sensor.unit", wrong_unit)]
        choice = wrong_choice(given.channels, self._asset.channels, self._needed)
        if choice is not None:
            return [("channels", choice)]
        adapted = self.info(given)
        found = misfits(
            self._needed,
            # A sensor has no way to say that its channels are features but their names.
            kind=self._needed.kind,
            channels=adapted.channels,
            rate_hz=adapted.rate_hz,
            unit=adapted.unit,
            period_s=adapted.period_s,
        )
        return [("sensor", sentence) for sentence in found]

    def adapt(self, block: Block) -> Block:
        """Return ``block`` in the bundle's channel names and the configured unit."""
        samples, settings = block.samples, self._asset.sensor
        unit = block.unit or settings.unit
        if settings.sensitivity is not None:
            samples, unit = samples / np.float32(settings.sensitivity), settings.unit
        return replace(block, samples=samples, unit=unit, channels=self._names(block.channels))

    def _names(self, channels: tuple[str, ...]) -> tuple[str, ...]:
        """Rename the sensor's channels to the bundle's where the configuration pairs them."""
        return paired_names(channels, self._asset.channels, self._needed)

    def _wrong_unit(self, given: SensorInfo) -> str | None:
        stated, own = self._asset.sensor.unit, given.unit
        if self._asset.sensor.sensitivity is None and stated and own and stated != own:
            return f"unit: the sensor delivers {own!r}, not {stated!r}"
        return None
