"""The agent's figures for Prometheus, made from its report; served by ``metrics_page``.

Names and units follow https://prometheus.io/docs/practices/naming/ (base units, ``_total`` for
what only grows). What is not known now has no sample: NaN would pass for a figure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from edge_agent.daemon.alarms.messages import Handling
from edge_agent.daemon.ledger import LedgerSnapshot, MessageCounts, StoreState
from edge_agent.daemon.report import AgentReport, AssetReport, LinkReport
from edge_agent.daemon.status_message import AssetState
from edge_agent.daemon.topics import Kind
from edge_agent.daemon.update.report import UpdateReport
from edge_agent.rollout.messages import UpdateState

Family = type[GaugeMetricFamily] | type[CounterMetricFamily]
_FATES = {
    "queued": "that were made.",
    "acknowledged": "that the broker has.",
    "refused": "that the broker did not accept.",
    "evicted": "that had to make room.",
    "expired": "that were not delivered within their time to live.",
    "lost": "that waited in a database which became unusable.",
}
Sample = tuple[Sequence[str], float | None]


def registry_of(report: Callable[[], AgentReport]) -> CollectorRegistry:
    """Return what a scrape asks: ``report`` is called once for each, on the thread that asks."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_ReportCollector(report))
    return registry


class _ReportCollector(Collector):
    """Turns a report into metric families."""

    def __init__(self, report: Callable[[], AgentReport]) -> None:
        self._report = report

    def describe(self) -> Iterable[Metric]:
        """Nothing, which keeps the registry from collecting when it is made."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the families of one report."""
        report = self._report()
        yield InfoMetricFamily(
            "edge_agent_build",
            "Versions of what computes the scores.",
            {key.replace("-", "_").lower(): value for key, value in report.versions.items()},
        )
        yield GaugeMetricFamily(
            "edge_agent_uptime_seconds",
            "Since the agent began, on a clock that is never stepped.",
            report.uptime_s,
        )
        yield from _clock(report)
        yield from _link(report.mqtt)
        yield from _assets(report.assets)
        yield from _windows(report.ledger)
        yield from _messages(report.ledger)
        yield from _outbox(report.outbox)
        yield from _scores(report.assets)
        if report.update is not None:
            yield from _update(report.update)


def _family(
    kind: Family, name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]
) -> Metric:
    family = kind(name, text, labels=labels)
    for values, figure in samples:
        if figure is not None:
            family.add_metric(values, figure)
    return family


def _clock(report: AgentReport) -> Iterator[Metric]:
    if report.time_quality != "unknown":
        yield GaugeMetricFamily(
            "edge_agent_clock_synchronised",
            "1 while the gateway's clock follows a time server.",
            report.time_quality == "synchronised",
        )
    yield CounterMetricFamily(
        "edge_agent_clock_steps",
        "Times that somebody set the gateway's clock since the agent began.",
        0 if report.clock_stepped is None else report.clock_stepped.count,
    )


def _link(link: LinkReport) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "edge_agent_mqtt_connected", "1 while there is a connection to the broker.", link.connected
    )
    yield CounterMetricFamily(
        "edge_agent_mqtt_connections",
        "Connections to the broker since the agent began; all but the first are reconnects.",
        link.connections,
    )
    yield CounterMetricFamily(
        "edge_agent_mqtt_refused_messages",
        "Messages that the broker did not accept, mostly by its access list.",
        link.refused,
    )


def _assets(assets: Sequence[AssetReport]) -> Iterator[Metric]:
    yield _family(
        GaugeMetricFamily,
        "edge_agent_asset_state",
        "1 for the state that the asset is in, 0 for all others.",
        ("asset", "state"),
        (((a.name, state), a.state == state) for a in assets for state in get_args(AssetState)),
    )
    yield _family(
        GaugeMetricFamily,
        "edge_agent_alarm_state",
        "1 for how the asset's alarms stand; only open calls for somebody.",
        ("asset", "state"),
        (((a.name, s), a.standing.state == s) for a in assets for s in get_args(Handling)),
    )
    yield _family(
        CounterMetricFamily,
        "edge_agent_sensor_restarts",
        "Starts of the sensor after it failed.",
        ("asset",),
        (((a.name,), a.restarts) for a in assets),
    )
    yield _family(
        GaugeMetricFamily,
        "edge_agent_block_age_seconds",
        "Since the last block of samples came.",
        ("asset",),
        (((a.name,), a.block_age_s) for a in assets),
    )
    flow = SummaryMetricFamily(
        "edge_agent_flow_seconds",
        "From a block of samples to the alarm: features, model, scores.",
        labels=("asset",),
    )
    for asset in assets:
        flow.add_metric((asset.name,), asset.blocks, asset.flow_total_s)
    yield flow
    yield _family(
        GaugeMetricFamily,
        "edge_agent_flow_max_seconds",
        "The longest of these since the agent began.",
        ("asset",),
        (((a.name,), a.flow_max_ms / 1e3) for a in assets),
    )


def _windows(ledger: LedgerSnapshot) -> Iterator[Metric]:
    yield _family(
        CounterMetricFamily,
        "edge_agent_windows",
        "Windows since installation, by what became of them: scored, or the reason why not.",
        ("asset", "outcome"),
        (
            ((one.asset, outcome), count)
            for one in ledger.assets
            for outcome, count in {"scored": one.windows.scored, **one.windows.not_scored}.items()
        ),
    )
    yield _family(
        CounterMetricFamily,
        "edge_agent_scored_windows",
        "Scored windows since installation, by the model that scored them.",
        ("asset", "model"),
        (
            ((one.asset, model), count)
            for one in ledger.assets
            for model, count in one.windows.models.items()
        ),
    )


def _messages(ledger: LedgerSnapshot) -> Iterator[Metric]:
    kinds: dict[Kind, MessageCounts] = {}
    for asset in ledger.assets:
        for kind, counts in asset.messages.items():
            kinds.setdefault(kind, MessageCounts()).add(counts)
    for field, text in _FATES.items():
        yield _family(
            CounterMetricFamily,
            f"edge_agent_messages_{field}",
            f"Messages since installation {text}",
            ("kind",),
            (((kind,), getattr(counts, field)) for kind, counts in kinds.items()),
        )
    yield _family(
        GaugeMetricFamily,
        "edge_agent_messages_pending",
        "Messages that wait for the broker, or for its acknowledgement.",
        ("kind",),
        (((kind,), counts.pending) for kind, counts in kinds.items()),
    )


def _outbox(outbox: StoreState) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "edge_agent_outbox_bytes", "What the messages that wait take.", outbox.bytes
    )
    yield GaugeMetricFamily(
        "edge_agent_outbox_limit_bytes", "What they may take.", outbox.max_bytes
    )
    yield GaugeMetricFamily(
        "edge_agent_outbox_durable",
        "1 while what waits is on the disk, 0 while it is in memory only.",
        outbox.durable,
    )
    yield CounterMetricFamily(
        "edge_agent_outbox_set_aside",
        "Database files found damaged since the agent began.",
        outbox.set_aside,
    )


def _update(update: UpdateReport) -> Iterator[Metric]:
    yield _family(
        GaugeMetricFamily,
        "edge_agent_update_state",
        "1 for the state that the operator's update is in, 0 for all others.",
        ("state",),
        (((state,), update.state == state) for state in get_args(UpdateState)),
    )
    yield _family(
        GaugeMetricFamily,
        "edge_agent_update_held_seconds",
        "For which the new models have run without a fault.",
        (),
        [((), update.held_s)],
    )


def _scores(assets: Sequence[AssetReport]) -> Iterator[Metric]:
    yield _family(
        GaugeMetricFamily,
        "edge_agent_score",
        "Of the last window, the limit's in mm/s; none while it was not scored.",
        ("asset", "detector"),
        (
            ((a.name, detector), score)
            for a in assets
            for detector, score in (
                ("network", a.score),
                ("level", a.level_score),
                ("limit", a.velocity_mm_s),
            )
        ),
    )
    yield _family(
        GaugeMetricFamily,
        "edge_agent_threshold",
        "A score above it is abnormal.",
        ("asset", "detector"),
        (
            ((a.name, detector), threshold)
            for a in assets
            for detector, threshold in (
                ("network", a.threshold),
                ("level", a.level_threshold),
                ("limit", a.velocity_limit_mm_s),
            )
        ),
    )
    yield _family(
        GaugeMetricFamily,
        "edge_agent_anomaly_open",
        "1 while an anomaly is open.",
        ("asset",),
        (((a.name,), a.anomaly) for a in assets),
    )
    yield _family(
        GaugeMetricFamily,
        "edge_agent_anomaly_severity_ratio",
        "Largest score over threshold of the anomaly that is open.",
        ("asset",),
        (((a.name,), None if a.open is None else a.open.severity) for a in assets),
    )
