"""What the configuration may say: structs whose fields are the allowed keys."""

from typing import Annotated, Any, Literal

import msgspec

from edge_agent.pipeline.zones import ZONES_MM_S, Group, Support, Zone

STATE_DIR = "/var/lib/edge-agent"
RESERVED_NAMES = ("repo", "rollouts", "desired")

# `\Z`, not `$`: a name must not end in a line break.
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
Host = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:-]{1,253}\Z")]
Listen = Annotated[
    str, msgspec.Meta(pattern=r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(0|[1-9][0-9]{0,4})\Z")
]
TopicRoot = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\Z")]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]

Isolation = Literal["thread", "process"]
OnFailure = Literal["error", "retry", "ignore", "probe"]


class Mqtt(msgspec.Struct, frozen=True, kw_only=True):
    """The broker.

    Attributes:
        host: name or address.
        port: 1883, or 8883 where ``tls`` is on, unless stated.
        root: first levels of every topic.
        username: None where the broker lets everybody in.
        password_file: file whose first line is the password.
        password_env: environment variable that holds it.
        password_credential: systemd credential (LoadCredential=) that holds it.
        tls: encrypt, and verify the broker's certificate.
        ca_file: certificates to trust instead of the system's.
        cert_file: the gateway's own certificate.
        key_file: its private key.
        client_id: ``edge-agent-`` and the gateway's name unless stated.
        keepalive_s: seconds of silence after which the connection is probed.
        commands: take commands from whoever the broker lets publish them.
    """

    host: Host = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    root: TopicRoot = "edge/v1"
    username: Text | None = None
    password_file: Text | None = None
    password_env: Text | None = None
    password_credential: Name | None = None
    tls: bool = False
    ca_file: Text | None = None
    cert_file: Text | None = None
    key_file: Text | None = None
    client_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,128}\Z")] | None = None
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 30
    commands: bool = True


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the per-window messages are sent; events always are."""

    features: bool = False
    score: bool = True


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Figures for Prometheus, at ``/metrics``.

    Attributes:
        enabled: serve them.
        listen: address and port; port 0: any. By default only this machine is answered: nothing
            asks who is there.
    """

    enabled: bool = True
    listen: Listen = "127.0.0.1:9807"

    @property
    def host_and_port(self) -> tuple[str, int]:
        """``listen`` in two parts, an IPv6 address without its brackets."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """Models and settings from the operator, over the broker.

    Attributes:
        enrolment: folder that ``edge-rollout enroll`` has written; None: nothing is updated.
        repository: where a web server has what ``edge-rollout export`` wrote; None: models come
            over the broker, as what is wanted always does.
    """

    enrolment: Text | None = None
    repository: Url | None = None


class OutboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What waits on the disk while there is no connection.

    Attributes:
        max_mb: megabytes (10^6 bytes) of messages; beyond that the oldest features go, then the
            oldest scores, then the oldest snapshots, then the oldest anomalies.
        backlog_per_s: messages a second, at most, of what is late; what is live goes before.
        sync_s: seconds of scores that a power cut may cost; anomalies are safe before they are
            sent.
        anomaly_ttl_h: hours that the agent runs, after which an anomaly that could not be
            delivered is given up.
        snapshot_ttl_h: likewise for its picture.
        score_ttl_h: likewise for a score.
        features_ttl_h: likewise for a feature vector.
    """

    max_mb: Annotated[float, msgspec.Meta(ge=1, le=100_000)] = 100.0
    backlog_per_s: Annotated[float, msgspec.Meta(ge=1, le=100_000)] = 100.0
    sync_s: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 5.0
    anomaly_ttl_h: Positive = 720.0
    snapshot_ttl_h: Positive = 168.0
    score_ttl_h: Positive = 168.0
    features_ttl_h: Positive = 24.0


class RecorderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The flight recorder: what is remembered of each machine, a file of fixed size per asset.

    Attributes:
        days: of windows to remember.
        max_mb: megabytes (10^6 bytes) per asset; where the windows of so many days take more, the
            latest that fit are remembered.
    """

    days: Annotated[float, msgspec.Meta(gt=0, le=3660)] = 30.0
    max_mb: Annotated[float, msgspec.Meta(ge=0.1, le=100_000)] = 16.0


class SensorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The sensor of an asset.

    Attributes:
        plugin: its name among the sensor plugins.
        unit: what the samples are in, after ``sensitivity``; needed where the plugin states none.
        sensitivity: what the plugin delivers per ``unit``, such as 0.1 for 100 mV/g in volts:
            samples are divided by it.
        range_max: largest magnitude the sensor can deliver, in ``unit``; marks clipped windows.
        on_failure: what follows when the sensor fails, or again and again a feature or the model
            on what it delivers: ``error`` ends the agent, ``retry`` tries again with growing
            waits, ``ignore`` leaves the asset failed, ``probe`` leaves the asset out where the
            sensor is not there at the start, and retries later on.
        isolation: ``process`` keeps the plugin in a process of its own, which may crash, hang or
            be ended; ``thread`` is a thread of the agent's, which costs less memory.
        deadline_s: a plugin that does not return for this long, beyond the time it may wait for
            samples, hangs.
        memory_max_mb: with ``isolation = "process"``: a process with more resident memory is
            ended, and the sensor started again; None: no limit.
        options: the plugin's own.
    """

    plugin: Text
    unit: Text | None = None
    sensitivity: Positive | None = None
    range_max: Positive | None = None
    on_failure: OnFailure = "retry"
    isolation: Isolation = "thread"
    deadline_s: Positive = 30.0
    memory_max_mb: Positive | None = None
    options: dict[str, Any] = {}


class VelocityLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How much a machine may shake whatever its bundle says: by its class or in figures.

    Attributes:
        group: of ISO 20816-3: 1 above 300 kW, 2 from 15 to 300 kW.
        support: of the machine in the direction of the measurement.
        zone: of that standard, from whose lower end on there is an alarm; ``C`` unless stated.
        mm_s: rms of the velocity from 10 to 1000 Hz, in place of the three.
    """

    group: Group | None = None
    support: Support | None = None
    zone: Zone | None = None
    mm_s: Positive | None = None

    @property
    def is_complete(self) -> bool:
        """It says what the limit is, and says it once."""
        if self.mm_s is not None:
            return self.group is None and self.support is None and self.zone is None
        return self.group is not None and self.support is not None

    @property
    def limit_mm_s(self) -> float:
        """The limit in figures. Raises ValueError where it is not complete."""
        if self.mm_s is not None:
            return self.mm_s
        if self.group is None or self.support is None:
            raise ValueError("velocity_limit: found no class, allowed: group and support, or mm_s")
        return ZONES_MM_S[self.group, self.support][self.zone or "C"]


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One machine that is watched.

    Attributes:
        name: part of its topics.
        bundle: file, relative to the file that names it; or ``line:NAME``: whatever is installed
            as that, by a rollout or on the gateway.
        channels: the sensor's channels in the order of the bundle's, where their names differ.
        sensor: where its samples come from.
        context: those of the sensor's channels that tell the regime, such as a speed; for a general
            bundle, as any other says so itself.
        window: samples per window, where the sensor samples continuously; likewise.
        false_alarms_per_month: thresholds for this budget, from the bundle's own calibration, in
            place of the bundle's; the only thing about thresholds that can be said here.
        velocity_limit: over which there is an alarm whatever the bundle says; None: no limit.
    """

    name: Name
    bundle: Text
    channels: tuple[Text, ...] = ()
    context: tuple[Text, ...] = ()
    window: Annotated[int, msgspec.Meta(ge=16, le=1 << 24)] | None = None
    false_alarms_per_month: Positive | None = None
    velocity_limit: VelocityLimit | None = None
    sensor: SensorSettings

    @property
    def limit_mm_s(self) -> float | None:
        """Rms velocity that the machine may not exceed, None where no limit is set."""
        return None if self.velocity_limit is None else self.velocity_limit.limit_mm_s


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration.

    Attributes:
        gateway: name of this gateway, part of every topic.
        state_dir: where the agent keeps what must survive a restart.
        state_save_s: seconds between two savings of the assets' state.
        mqtt: the broker.
        outbox: what waits while there is no connection.
        recorder: what is remembered of each machine.
        publish: which of the per-window messages are sent.
        metrics: figures for Prometheus.
        update: from the operator.
        asset: the machines, at least one.
    """

    gateway: Name
    state_dir: Text = STATE_DIR
    state_save_s: Annotated[float, msgspec.Meta(ge=1)] = 300.0
    mqtt: Mqtt = Mqtt()
    outbox: OutboxSettings = OutboxSettings()
    recorder: RecorderSettings = RecorderSettings()
    publish: Publish = Publish()
    metrics: Metrics = Metrics()
    update: Update = Update()
    asset: Annotated[tuple[Asset, ...], msgspec.Meta(min_length=1)]
