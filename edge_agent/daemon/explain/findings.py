"""What a snapshot shows, in sentences: for the terminal and for the page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from edge_agent.daemon.explain.words import (
    band_of,
    compared,
    frequency,
    full_title,
    is_high,
    is_outside,
    number,
    output_of,
    quantity,
)
from edge_agent.daemon.messages import Snapshot
from edge_agent.pipeline.evidence import FeatureEvidence
from edge_agent.pipeline.fault_lines import FaultEvidence
from edge_agent.pipeline.picture import ChannelPicture

_LOUDER_DB = 6.0  # a band that is so much above health, and above its usual spread, is shown
_SPREADS = 3.0
_HEARD_DB = 50.0  # below the highest level: what is lower is noise of the sensor
_DETECTORS = {
    "network": "the network: the vibration has another pattern than in health",
    "level": "the level detector: the machine has become louder than in health",
    "limit": "the velocity limit: the machine shakes more than its class allows",
}
_IMPACTS = ("kurtosis", "crest_factor", "impulse_factor", "clearance_factor", "peak")
_LEVELS = ("rms", "mean_abs", "peak_to_peak", "velocity_rms")
_LOW_HZ = 1000.0  # unbalance, misalignment and looseness show below, bearings and gears above
_LOW_BAND_HZ = 2000.0  # a band that ends above says nothing of low frequencies
_MOST = 5
_KNOCK_PEAK, _KNOCK_SHARE = 8.0, 0.5  # times the rms; of the peak, reached once only


@dataclass(frozen=True, slots=True)
class Rise:
    """A part of a spectrum that stands above health.

    Attributes:
        low_hz: where it begins.
        high_hz: where it ends.
        peak_hz: where it is furthest above.
        db: by how much there.
    """

    low_hz: float
    high_hz: float
    peak_hz: float
    db: float


@dataclass(frozen=True, slots=True)
class Score:
    """What one detector said of a window."""

    detector: str
    score: float
    threshold: float

    @property
    def beside(self) -> str:
        """The score beside its threshold, in words."""
        place = "over" if self.score > self.threshold else "below"
        return f"{place} its threshold of {number(self.threshold)}"


def when(moment: str) -> str:
    """Return a moment of a message for people."""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def detector(snapshot: Snapshot) -> str:
    """Say which detector opened the anomaly."""
    return _DETECTORS[snapshot.event.detector]


def scores(snapshot: Snapshot) -> Iterator[Score]:
    """Yield what each detector said of the window of the opening."""
    event = snapshot.event
    velocity = max(event.velocity_mm_s.values(), default=None)
    for name, score, threshold in (
        ("network", event.score, event.threshold),
        ("level", event.level_score, event.level_threshold),
        ("velocity, mm/s", velocity, event.velocity_limit_mm_s),
    ):
        if score is not None and threshold is not None:
            yield Score(name, score, threshold)


def headline(snapshot: Snapshot) -> str:
    """Say in one sentence what has happened."""
    first = _telling(snapshot)
    if first is None:
        return "No feature stands out."
    name = full_title(first, snapshot.rate_hz)
    name = name[:1].upper() + name[1:]
    value = quantity(first.value, first.unit)
    if first.healthy_median is None:
        return f"{name}: {value}; what is healthy was not learned before this anomaly."
    low, high = first.healthy_low or 0.0, first.healthy_high or 0.0
    return f"{name}: {compared(first)} ({value}, usually {number(low)} to {number(high)})."


def _telling(snapshot: Snapshot) -> FeatureEvidence | None:
    """Return the feature that says most to people.

    A network goes by how features stand to each other: the most responsible one may be inside its
    own healthy range while others are far out of theirs.
    """
    responsible, others = snapshot.event.features, snapshot.others
    outside = [one for one in (*responsible, *others) if is_outside(one)]
    return next(iter((*outside, *responsible)), None)


def healthy(feature: FeatureEvidence) -> str:
    """Say what a feature was in health."""
    if feature.healthy_median is None:
        return "not known"
    low, high = feature.healthy_low or 0.0, feature.healthy_high or 0.0
    median = quantity(feature.healthy_median, feature.unit)
    return f"healthy {median}, mostly {number(low)} to {number(high)}"


def rises(channel: ChannelPicture, edges_hz: tuple[float, ...]) -> list[Rise]:
    """Return where a channel's spectrum stands above health, the furthest first."""
    if channel.now_db is None or channel.healthy_db is None or channel.healthy_spread_db is None:
        return []
    over = channel.now_db.values() - channel.healthy_db.values()
    usual = _SPREADS * channel.healthy_spread_db.values()
    now_db = channel.now_db.values()
    above = (over > np.maximum(_LOUDER_DB, usual)) & (now_db > now_db.max() - _HEARD_DB)
    found = []
    edges = np.flatnonzero(np.diff(np.concatenate(([0], above.astype(np.int8), [0]))))
    for low, high in edges.reshape(-1, 2).tolist():
        peak = low + int(np.argmax(over[low:high]))
        middle_hz = float(np.sqrt(edges_hz[peak] * edges_hz[peak + 1]))
        found.append(Rise(edges_hz[low], edges_hz[high], middle_hz, float(over[peak])))
    return sorted(found, key=lambda rise: -rise.db)


def is_single_knock(channel: ChannelPicture) -> bool:
    """Say whether one peak stands alone in a channel's waveform, as no worn bearing's does."""
    size = np.abs(channel.waveform.values.values())
    peak = float(size.max(initial=0.0))
    if peak < _KNOCK_PEAK * channel.rms or peak == 0.0:
        return False
    at = np.flatnonzero(size > _KNOCK_SHARE * peak)
    return bool(at[-1] - at[0] <= len(size) // 50)


def _tells_level(feature: FeatureEvidence, rate_hz: float | None) -> bool:
    return output_of(feature) in (*_LEVELS, "peak") or band_of(feature, rate_hz) is not None


def candidates(snapshot: Snapshot) -> list[tuple[ChannelPicture, FaultEvidence]]:
    """Return the faults whose lines stand out, with the channel, the clearest first."""
    found = [
        (channel, fault)
        for channel in snapshot.channels
        for picture in channel.lines
        for fault in picture.faults
        if fault.candidate
    ]
    return sorted(found, key=lambda pair: -pair[1].prominence)


def advice(snapshot: Snapshot) -> list[str]:
    """Say what to look at, the most telling first: candidates, no diagnosis."""
    return list(dict.fromkeys(_advice(snapshot)))[:_MOST]


def _advice(snapshot: Snapshot) -> Iterator[str]:
    event = snapshot.event
    limit, worst = event.velocity_limit_mm_s, max(event.velocity_mm_s.values(), default=0.0)
    if limit is not None and worst > limit:
        yield (
            f"The velocity is {number(worst)} mm/s where {number(limit)} are allowed. Look at the"
            " machine soon: unbalance, misalignment, loose feet, foundation."
        )
    for channel, fault in candidates(snapshot):
        lines = ", ".join(frequency(line.found_hz) for line in fault.lines)
        yield (
            f"{fault.name} stands out at {lines} on channel {channel.name}: inspect the"
            f" {fault.part} of that bearing."
        )
    unusual = [one for one in (*event.features, *snapshot.others) if is_outside(one)]
    unusual.sort(key=lambda one: -one.distance)
    high = [one for one in unusual if is_high(one)]
    yield from _louder(snapshot, high)
    low = [one for one in unusual if not is_high(one) and _tells_level(one, snapshot.rate_hz)]
    if low:
        yield (
            f"Quieter than in health: {full_title(low[0], snapshot.rate_hz)}. Has load or speed"
            " gone down, does the sensor still sit firmly?"
        )
    channels = {one.channel for one in unusual if one.channel is not None}
    if len(channels) == 1 and len(snapshot.channels) > 1:
        yield (
            f"Only channel {next(iter(channels))} is unusual: rule out its sensor first, mounting"
            " and cable."
        )
    yield "Was anything changed at that time: speed, load, product, lubrication, repair?"


def _is_only_louder(peak: FeatureEvidence, high: list[FeatureEvidence]) -> bool:
    """Say whether a peak rose no more than the rms of its channel: louder, but no sharper."""
    level = next((o for o in high if output_of(o) == "rms" and o.channel == peak.channel), None)
    if output_of(peak) != "peak" or level is None:
        return False
    return _times_healthy(peak) <= _times_healthy(level)


def _times_healthy(one: FeatureEvidence) -> float:
    """Return how many times its healthy median a level is; infinite where that is 0 or unknown."""
    return one.value / one.healthy_median if one.value and one.healthy_median else math.inf


def _louder(snapshot: Snapshot, high: list[FeatureEvidence]) -> Iterator[str]:
    """Say what the features that are above health point to; ``high``: the furthest first."""
    rate_hz = snapshot.rate_hz
    knocked = {channel.name for channel in snapshot.channels if is_single_knock(channel)}
    for name in knocked:
        yield (
            f"A single knock stands out in the waveform of channel {name}: something struck the"
            " machine, or it is the sensor, its cable or its connector."
        )
    often = (one for one in high if output_of(one) in _IMPACTS and one.channel not in knocked)
    impacts = next((one for one in often if not _is_only_louder(one, high)), None)
    if impacts is not None:
        yield (
            f"More impacts than in health, by {full_title(impacts, rate_hz)}: a bearing or gear"
            " that begins to fail, a loose part, something that knocks."
        )
    rises_of = [
        (f"{frequency(rise.peak_hz)}, channel {channel.name}", rise.peak_hz, rise.peak_hz)
        for channel in snapshot.channels
        for rise in rises(channel, snapshot.edges_hz)[:1]
    ]
    bands = [
        (full_title(one, rate_hz), *band)
        for one in high
        if (band := band_of(one, rate_hz)) is not None
    ]
    louder = [*rises_of, *bands]
    fast = next((name for name, low_hz, _ in louder if low_hz >= _LOW_HZ), None)
    if fast is not None:
        yield (
            f"More vibration at high frequencies ({fast}): lubrication, surfaces of bearings and"
            " gears, friction, cavitation."
        )
    slow = next(
        (name for name, low_hz, high_hz in louder if low_hz < _LOW_HZ and high_hz < _LOW_BAND_HZ),
        None,
    )
    if slow is not None:
        yield (
            f"More vibration at low frequencies ({slow}): unbalance, misalignment, loose feet,"
            " belts, load."
        )
    level = next((one for one in high if output_of(one) in _LEVELS), None)
    if level is not None:
        yield (
            f"Louder as a whole, by {full_title(level, rate_hz)}: has load or speed gone up, does"
            " a fastening work loose?"
        )
