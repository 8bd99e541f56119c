"""What the agent publishes of its machines, one struct per message.

The structs are the source of the JSON Schemas in docs/mqtt. Every message carries ``id``, the same
whenever the same fact is sent again, so that a subscriber can drop what it has already seen;
``seq``, counted from 0 per topic and session, so that it can see what it missed; and the window it
speaks of. Times are RFC 3339, UTC.
"""

from typing import Literal

import msgspec

from edge_agent.daemon.alarms.messages import Deed, GroupState, Handling, Label, Level
from edge_agent.daemon.commands.messages import Reply
from edge_agent.daemon.envelope import Envelope, Moment
from edge_agent.daemon.status_message import AssetState, Status
from edge_agent.pipeline.alarm import Detector
from edge_agent.pipeline.evidence import FeatureEvidence
from edge_agent.pipeline.picture import ChannelPicture

Begun = Literal["restored", "warmed", "empty"]


class Share(msgspec.Struct, frozen=True):
    """A feature and its share, 0 to 1, of the score."""

    name: str
    share: float


class Features(Envelope, frozen=True, kw_only=True, tag="edge-agent/features/1"):
    """The feature vector of one window, by name; null where the source had no value.

    Attributes:
        index: counts the asset's windows from 0.
        unit: unit of the samples they were computed from.
        bias: mean that was removed from each channel, in ``unit``.
    """

    asset: str
    index: int
    unit: str | None
    values: dict[str, float | None]
    bias: dict[str, float | None]
    gap: bool
    clipped: bool


class Score(Envelope, frozen=True, kw_only=True, tag="edge-agent/score/1"):
    """How one window was judged.

    Attributes:
        index: counts the asset's windows from 0.
        score: of the network, smoothed; null with a reason when the window was not scored.
        threshold: a score above it is abnormal.
        level_score: of the plain level detector; null when it did not score.
        level_threshold: likewise.
        anomaly: an alarm was open after this window.
        reason: why it was not scored: ``idle``, ``gap``, ``washout``, ``invalid``; ``regime``
            where speed or load are unlike any that was learned from; ``sensor_fault`` where the
            signal is a flat line, stuck at a rail, or its bias is lost; ``error`` where a feature
            or the model failed.
        bias: mean that was removed from each channel, in ``unit``.
        gap: samples are missing before this window.
        clipped: the window touches the sensor's range.
        model_sha256: the bundle that judged.
        velocity_mm_s: rms of each channel's velocity from 10 to 1000 Hz; empty where no limit of it
            is configured, or nothing could be measured.
        velocity_limit_mm_s: the limit.
        maintenance: somebody works on the machine, and no alarm is raised.
    """

    asset: str
    index: int
    score: float | None
    threshold: float
    level_score: float | None
    level_threshold: float | None
    anomaly: bool
    reason: str | None
    unit: str | None
    bias: dict[str, float | None]
    gap: bool
    clipped: bool
    model_sha256: str
    velocity_mm_s: dict[str, float] = msgspec.field(default_factory=dict)
    velocity_limit_mm_s: float | None = None
    maintenance: bool = False


class AnomalyEvent(Envelope, frozen=True, kw_only=True, tag="edge-agent/anomaly/1"):
    """An anomaly opened, got worse or calls for attention again, or closed.

    Attributes:
        event: what happened; ``update`` also where it is open when a shelving, a maintenance or
            an acknowledgement ends.
        level: ``alarm`` where its severity is 2 or more or the limit is exceeded; else ``alert``.
            It never falls while the anomaly is open.
        state: whether somebody is to be called: only where it is ``open``; see AlarmState.
        group: id of the group of assets that were struck together, see GroupState.
        index: of the window that changed it, as in its score.
        anomaly_id: the same from open to close, also where another bundle judges by then.
        number: counts the asset's anomalies from 1.
        detector: which detector opened it: the ``network``, the plain one of the ``level``, or the
            configured ``limit`` of the velocity.
        opened: start of the window in which it opened; where the clock was set since then, by the
            clock as it is set now.
        closed: end of the window in which it closed; null while it is open.
        severity: the largest share of its threshold that any detector has reached so far; 1 is
            just abnormal.
        score: of the network in the window of this event.
        threshold: of the network's score.
        level_score: of the level detector in this window.
        level_threshold: of the level detector's score.
        features: the most responsible features of the detector that is furthest over its
            threshold, largest share first, beside what they were when the machine was healthy.
        model_sha256: the bundle that judged.
        velocity_mm_s: as in the window's score.
        velocity_limit_mm_s: likewise.
    """

    asset: str
    event: Literal["open", "update", "close"]
    level: Level
    state: Handling
    group: str | None
    index: int
    anomaly_id: str
    number: int
    detector: Detector
    opened: Moment
    closed: Moment | None
    severity: float
    score: float | None
    threshold: float
    level_score: float | None
    level_threshold: float | None
    features: tuple[FeatureEvidence, ...]
    model_sha256: str
    velocity_mm_s: dict[str, float] = msgspec.field(default_factory=dict)
    velocity_limit_mm_s: float | None = None


class HealthyPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """From what healthy is known.

    Attributes:
        windows: that were learned from.
        start: of the first of them.
        end: start of the last.
    """

    windows: int
    start: Moment
    end: Moment


class Snapshot(Envelope, frozen=True, kw_only=True, tag="edge-agent/snapshot/1"):
    """What an anomaly looked like when it opened, or became an alarm: healthy beside now.

    Attributes:
        event: the message of that.
        others: features that are far from healthy too, the furthest first.
        healthy: null where nothing had been learned before the anomaly.
        model: name and version of the bundle that judged.
        unit: of the samples.
        rate_hz: of the samples.
        edges_hz: ends of the bands of each channel's spectrum, one more than there are bands.
        channels: the most responsible first.
        channels_left_out: for which there was no room in 32 KiB.
    """

    asset: str
    event: AnomalyEvent
    others: tuple[FeatureEvidence, ...]
    healthy: HealthyPeriod | None
    model: str
    unit: str | None
    rate_hz: float | None
    edges_hz: tuple[float, ...]
    channels: tuple[ChannelPicture, ...]
    channels_left_out: tuple[str, ...]


class AlarmState(Envelope, frozen=True, kw_only=True, tag="edge-agent/alarm/1"):
    """Whether an asset is in alarm now, retained for who comes late.

    Attributes:
        alarm: an anomaly is open, and nobody works on the machine.
        state: ``open``: it calls for somebody; ``acknowledged``: somebody looks after it;
            ``shelved``: nobody is called for a while, whatever happens; ``maintenance``: somebody
            works on the machine, and no alarm is raised; ``quiet``: none of these.
        level: of the open anomaly, as in its events.
        acknowledged: by whom; it ends where the anomaly gets twice as bad, or an alarm.
        shelved: by whom, and until when.
        maintenance: by whom.
        silenced: times that an anomaly opened or got worse without a call since the shelving or
            the maintenance began.
        group: id of the group of assets that were struck together, see GroupState.
        data: what this rests on: no alarm while there is no data is no good news.
        reason: why there is no data, or why the last window was not scored.
        anomaly_id: of the open anomaly.
        detector: which detector opened it.
        opened: start of the window in which it opened, as in the event.
        severity: largest score / threshold so far.
        features: the most responsible features when it opened or was last updated.
    """

    asset: str
    alarm: bool
    state: Handling
    level: Level | None
    data: AssetState
    reason: str | None
    acknowledged: Deed | None = None
    shelved: Deed | None = None
    maintenance: Deed | None = None
    silenced: int = 0
    group: str | None = None
    anomaly_id: str | None = None
    detector: Detector | None = None
    opened: Moment | None = None
    severity: float | None = None
    features: tuple[Share, ...] = ()


class ModelState(Envelope, frozen=True, kw_only=True, tag="edge-agent/model/1"):
    """The bundle that judges an asset, retained.

    Attributes:
        name: of the bundle.
        version: of the bundle.
        sha256: of the bundle's file.
        overlay: digest of what a general bundle was commissioned to on this asset; null for any
            other, and while the asset is being commissioned.
        begun: how its state began: ``restored`` where this bundle left it, in this run or an
            earlier one; ``warmed`` with the recorded windows that came before, so that the next
            one is scored; ``empty``.
    """

    asset: str
    name: str
    version: str
    sha256: str
    begun: Begun
    overlay: str | None = None


Message = (
    Features
    | Score
    | AnomalyEvent
    | Snapshot
    | AlarmState
    | ModelState
    | Status
    | Reply
    | Label
    | GroupState
)
