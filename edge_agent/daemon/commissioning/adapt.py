"""Between a sensor and a general bundle, which takes whatever channels the asset has."""

from dataclasses import replace

from edge_agent.daemon.commissioning.listening import ListeningBundle
from edge_agent.daemon.config.settings import Asset
from edge_agent.daemon.sensors.adapt import Adapter
from edge_agent.plugin import SensorInfo


class ListeningAdapter(Adapter):
    """As Adapter, for an asset that is listened to: no channel is renamed, nothing is needed."""

    def __init__(self, asset: Asset, bundle: ListeningBundle) -> None:
        """Prepare for ``asset``, which is to be commissioned with ``bundle``."""
        super().__init__(asset, bundle.manifest.flow.input)
        self._bundle = bundle
        self._is_table = False

    @property
    def takes_features(self) -> bool:
        """The sensor delivers vectors, of which a number may be missing."""
        return self._is_table

    def problems(self, given: SensorInfo) -> list[tuple[str, str]]:
        """Say what of the sensor ``given`` does not fit the configuration or any bundle at all."""
        wrong = self._wrong_unit(given)
        if wrong is not None:
            return [("sensor.unit", wrong)]
        missing = [
            name
            for name in (*self._asset.channels, *self._asset.context)
            if name not in given.channels
        ]
        if missing:
            has = ", ".join(given.channels)
            return [("channels", f"the sensor has no channel {missing[0]!r}; it has {has}")]
        self._is_table = self._bundle.takes_features(given.channels)
        adapted = self.info(given)
        if not self._is_table and adapted.rate_hz is None:
            return [("sensor", "rate_hz: the source has None, a general bundle needs one")]
        return []

    def info(self, given: SensorInfo) -> SensorInfo:
        """As of Adapter; a table has no unit of its own."""
        adapted = super().info(given)
        return replace(adapted, rate_hz=None, unit=None) if self._is_table else adapted

    def _names(self, channels: tuple[str, ...]) -> tuple[str, ...]:
        return channels
