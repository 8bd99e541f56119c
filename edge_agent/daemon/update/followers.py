"""The assets that follow lines: what they ask of a model, and what judges them now."""

from collections.abc import Callable
from pathlib import Path

from edge_agent.daemon.commissioning.listening import ListeningBundle
from edge_agent.daemon.config.followed import followed_line
from edge_agent.daemon.config.settings import Asset, Config
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.scoring import Watch
from edge_agent.daemon.watches import Watches
from edge_agent.rollout.install.orders import AssetFacts, SensorFacts
from edge_agent.rollout.messages import RunningModel

_NOT_CHOSEN = " (not chosen)"  # see Adapter


class Followers:
    """Looks at the watches, on the scoring thread.

    Attributes:
        config: what the agent runs with.
    """

    def __init__(self, config: Config, watches: Watches) -> None:
        """Begin with ``config``."""
        self.config = config
        self._watches = watches
        self._since: dict[str, tuple[AssetRecord, str, int]] = {}

    def of(self, line: str) -> tuple[str, ...]:
        """Return the names of the assets that follow ``line``."""
        return tuple(asset.name for asset in self.config.asset if self._line(asset) == line)

    def watch_of(self, name: str) -> Watch | None:
        """Return what watches an asset; None where nothing does."""
        return self._watches.watch_of(name)

    def incumbent(self, name: str) -> str | None:
        """Return the sha256 of what scores an asset; None where nothing does yet."""
        watch = self._watches.watch_of(name)
        if watch is None or isinstance(watch.bundle, ListeningBundle):
            return None
        return watch.bundle.sha256

    def records(self) -> dict[str, AssetRecord]:
        """Return what is known of each asset."""
        return {record.name: record for record in self._watches.records}

    def are_known(self) -> bool:
        """Say whether every sensor has been opened, or could not be."""
        return all(record.state != "starting" for record in self._watches.records)

    def running(self) -> dict[str, RunningModel]:
        """Return what judges each asset."""
        return {asset.name: self._running(asset) for asset in self.config.asset}

    def facts(self) -> tuple[AssetFacts, ...]:
        """Return what each asset that follows a line asks of a model."""
        return facts_of(self.config, self._sensor)

    def _running(self, asset: Asset) -> RunningModel:
        watch, record = self._watches.watch_of(asset.name), self.records().get(asset.name)
        bundle = None if watch is None else watch.bundle
        return RunningModel(
            line=self._line(asset),
            name=None if bundle is None else bundle.manifest.name,
            version=None if bundle is None else bundle.manifest.version,
            sha256=None if bundle is None else bundle.sha256,
            overlay=None if bundle is None else bundle.overlay,
            windows=0 if watch is None else self._windows(watch),
            state="starting" if record is None else record.state,
        )

    def _windows(self, watch: Watch) -> int:
        """Count what the bundle has scored since it took over, or since the sensor began anew."""
        record, sha256 = watch.record, watch.bundle.sha256
        known = self._since.get(record.name)
        if known is None or known[0] is not record or known[1] != sha256:
            first = 0 if known is None or known[0] is not record else record.scored
            known = self._since[record.name] = record, sha256, first
        return record.scored - known[2]

    def _sensor(self, asset: Asset) -> SensorFacts | None:
        """Return what the open sensor delivers, its channels under its own names."""
        watch = self._watches.watch_of(asset.name)
        if watch is None or watch.record.info is None:
            return None
        info, needed = watch.record.info, watch.bundle.manifest.flow.input.channels
        own = dict(zip(needed, asset.channels, strict=False))
        names = (name.removesuffix(_NOT_CHOSEN) for name in info.channels)
        return SensorFacts(
            channels=tuple(own.get(name, name) for name in names),
            rate_hz=info.rate_hz,
            unit=info.unit,
            period_s=info.period_s,
        )

    def _line(self, asset: Asset) -> str | None:
        return followed_line(asset.bundle, Path(self.config.state_dir))


def facts_of(
    config: Config, sensor_of: Callable[[Asset], SensorFacts | None]
) -> tuple[AssetFacts, ...]:
    """Return what each asset of ``config`` that follows a line asks of a model."""
    return tuple(
        AssetFacts(
            name=asset.name,
            line=line,
            sensor=sensor_of(asset),
            channels=asset.channels,
            context=asset.context,
            false_alarms_per_month=asset.false_alarms_per_month,
            has_velocity_limit=asset.velocity_limit is not None,
        )
        for asset in config.asset
        if (line := followed_line(asset.bundle, Path(config.state_dir))) is not None
    )
