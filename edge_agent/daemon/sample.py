"""``edge-agent sample``: does the sensor work? Reads some blocks and says what is in them."""

import time
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from edge_agent.bundle import Bundle, BundleError
from edge_agent.daemon.clock import WallClock
from edge_agent.daemon.config.draft import read_draft
from edge_agent.daemon.config.problems import ConfigError
from edge_agent.daemon.config.settings import Asset
from edge_agent.daemon.sensors.adapt import Adapter
from edge_agent.daemon.sensors.intake import Intake
from edge_agent.daemon.sensors.isolated import IsolatedSensor, ProcessError, UnusableError
from edge_agent.daemon.sensors.thread import open_sensor
from edge_agent.pipeline.block import InputSpec
from edge_agent.plugin import Block, EndOfData, Sensor, SensorError, SensorInfo
from edge_agent.plugin.discovery import PluginError

_READ_TIMEOUT_S = 1.0
_MICROSECOND = 1e-6


class SampleError(Exception):
    """The sensor could not be sampled; the message says why."""


class ChannelSample(msgspec.Struct, frozen=True, kw_only=True):
    """One channel of what was read, in the asset's unit.

    Attributes:
        name: of the channel.
        bias: mean.
        rms: root mean square about the mean.
        peak: largest distance from the mean.
        low: smallest value.
        high: largest value.
    """

    name: str
    bias: float
    rms: float
    peak: float
    low: float
    high: float


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What a sensor delivered.

    Attributes:
        asset: its name.
        sensor: its plugin.
        blocks: that were read.
        samples: per channel.
        gaps: blocks before which the source knows that samples are missing.
        seconds: that reading took.
        rate_hz: as the sensor states.
        measured_rate_hz: by the blocks' times; None for fewer than two blocks.
        unit: after the configured sensitivity.
        channels: each by itself.
        misfits: what of it does not fit the asset's bundle.
        not_compared: why it was not held against the bundle, None where it was.
    """

    asset: str
    sensor: str
    blocks: int
    samples: int
    gaps: int
    seconds: float
    rate_hz: float | None
    measured_rate_hz: float | None
    unit: str | None
    channels: tuple[ChannelSample, ...]
    misfits: tuple[str, ...]
    not_compared: str | None


def sample_asset(config: Path, asset_name: str, blocks: int, timeout_s: float) -> Sample:
    """Read ``blocks`` blocks from an asset's sensor.

    A sensor is tried before anything is trained on it: the bundle need not be there yet.

    Args:
        config: the main file; only this asset has to be sound in it.
        asset_name: one of its assets.
        blocks: how many; fewer where the source ends.
        timeout_s: for all of them together.

    Raises:
        ConfigError: the asset is not configured, or not soundly.
        SampleError: the sensor cannot be opened, fails, or delivers nothing in time.
    """
    draft = read_draft(config)
    assets = {asset.name: asset for asset in draft.assets.values()}
    if asset_name not in assets:
        names = ", ".join(assets) or "none that is sound"
        problem = draft.sources.problem("asset", f'no sound asset "{asset_name}"', names)
        raise ConfigError([*draft.problems, problem])
    asset = assets[asset_name]
    try:
        sensor = open_sensor(asset)
        try:
            return _sample(asset, sensor, blocks, timeout_s)
        finally:
            sensor.close()
    except (SampleError, PluginError, SensorError, ProcessError, UnusableError) as error:
        raise SampleError(f"asset {asset_name}: {error}") from error
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raised = f"the plugin raised {type(error).__name__}: {error}"
        raise SampleError(f"asset {asset_name}: {raised}") from error


def _sample(asset: Asset, sensor: Sensor | IsolatedSensor, blocks: int, timeout_s: float) -> Sample:
    adapter, not_compared = _adapter(asset, sensor.info)
    intake = Intake(sensor.info, WallClock(), samples=not adapter.takes_features)
    began_s = time.monotonic()
    came: list[Block] = []
    while len(came) < blocks and time.monotonic() - began_s < timeout_s:
        try:
            block = sensor.read(_READ_TIMEOUT_S)
        except EndOfData:
            break
        if block is not None:
            came.append(adapter.adapt(intake.take(block)))
    if not came:
        raise SampleError(f"no block within {timeout_s:g} s")
    samples = np.concatenate([block.samples for block in came])
    names = came[0].channels
    misfits = () if not_compared else tuple(said for _, said in adapter.problems(sensor.info))
    return Sample(
        asset=asset.name,
        sensor=asset.sensor.plugin,
        blocks=len(came),
        samples=len(samples),
        gaps=sum(block.gap_before for block in came),
        seconds=round(time.monotonic() - began_s, 3),
        rate_hz=came[0].rate_hz,
        measured_rate_hz=_measured_rate_hz(came),
        unit=came[0].unit,
        channels=tuple(_channel(name, samples[:, i]) for i, name in enumerate(names)),
        misfits=misfits,
        not_compared=not_compared,
    )


def _adapter(asset: Asset, given: SensorInfo) -> tuple[Adapter, str | None]:
    """Return the adapter to the asset's bundle; without one to what the sensor itself delivers."""
    try:
        return Adapter(asset, Bundle.read(Path(asset.bundle)).manifest.flow.input), None
    except BundleError as error:
        own = InputSpec(
            kind="samples",
            channels=given.channels,
            rate_hz=given.rate_hz,
            unit=None,
            length=1,
            hop=1,
            period_s=given.period_s,
        )
        return Adapter(replace(asset, channels=()), own), str(error)


def _measured_rate_hz(blocks: list[Block]) -> float | None:
    span_s = (blocks[-1].start_ns - blocks[0].start_ns) / 1e9
    before_last = sum(len(block.samples) for block in blocks[:-1])
    return before_last / span_s if span_s > _MICROSECOND else None


def _channel(name: str, samples: NDArray[np.float32]) -> ChannelSample:
    values = samples.astype(np.float64)
    bias = float(values.mean())
    centred = values - bias
    return ChannelSample(
        name=name,
        bias=bias,
        rms=float(np.sqrt(np.square(centred).mean())),
        peak=float(np.abs(centred).max()),
        low=float(values.min()),
        high=float(values.max()),
    )
