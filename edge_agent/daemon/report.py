"""How the running agent is doing: what status, metrics and the support archive read, made here."""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarms.messages import Standing
from edge_agent.daemon.birth import asset_status
from edge_agent.daemon.clock import ClockStep, TimeQuality
from edge_agent.daemon.ledger import LedgerSnapshot, StoreState
from edge_agent.daemon.messages import Share
from edge_agent.daemon.mqtt.inbox import InboxState
from edge_agent.daemon.mqtt.link import LinkState
from edge_agent.daemon.recorder import Reach, Recorder
from edge_agent.daemon.records import AssetRecord, Commissioning
from edge_agent.daemon.status_message import AssetStatus
from edge_agent.daemon.trial.report import TrialReport
from edge_agent.daemon.update.report import UpdateReport
from edge_agent.pipeline.alarm import Detector
from edge_agent.pipeline.budget import BudgetSpec

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class BudgetReport(msgspec.Struct, frozen=True, kw_only=True):
    """False alarms per month that an asset's thresholds stand for; see BudgetSpec."""

    asked: float | None
    expected: float
    low: float
    high: float
    supported: float


class OpenReport(msgspec.Struct, frozen=True, kw_only=True):
    """The anomaly that is open.

    Attributes:
        opened: start of the window in which it opened.
        detector: which detector opened it.
        severity: the largest share of its threshold that any detector has reached so far.
        features: the most responsible ones; empty where it opened before the agent started.
    """

    opened: str
    detector: Detector
    severity: float
    features: tuple[Share, ...]


class AssetReport(AssetStatus, frozen=True, kw_only=True):
    """One asset, with what it has done so far; see AssetRecord."""

    model_id: str | None
    blocks: int
    block_age_s: float | None
    restarts: int
    windows: int
    scored: int
    last_reason: str | None
    last_detail: str | None = None
    score: float | None
    threshold: float | None
    level_score: float | None
    level_threshold: float | None
    velocity_mm_s: float | None
    velocity_limit_mm_s: float | None
    anomaly: bool
    open: OpenReport | None
    standing: Standing
    last_window_end: str | None
    flow_ms: float
    flow_max_ms: float
    flow_total_s: float
    budget: BudgetReport | None = None
    recorder: Reach | None = None
    commissioning: Commissioning | None = None


class CommandsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Commands over MQTT; see InboxState."""

    commands: int
    refused: int
    unanswered: int
    problem: str | None


class LinkReport(msgspec.Struct, frozen=True, kw_only=True):
    """The connection to the broker; see LinkState. ``for_s``: connected, or not, for so long."""

    broker: str
    connected: bool
    for_s: float
    protocol: Literal["5", "3.1.1"] | None
    error: str | None
    connections: int
    refused: int
    refusal: str | None
    commands: CommandsReport


class ProcessReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent takes of the gateway."""

    resident_bytes: int
    threads: int
    open_files: int


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last time the configuration was read again.

    Attributes:
        at: when that was done.
        accepted: it is what the agent runs with.
        problems: everything that was wrong with it.
    """

    at: str
    accepted: bool
    problems: tuple[str, ...]


class AgentReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole agent.

    Attributes:
        pid: of the process.
        gateway: its name.
        state_dir: tells agents on one machine apart.
        session: of this run.
        started: when it began.
        uptime_s: since then, on a clock that is never stepped.
        written: when this was written.
        written_boot_s: likewise, in seconds since the machine was started: a clock that is set
            makes no status stale.
        versions: of what computes the scores.
        time_quality: whether the clock follows a time server.
        metrics: where they are served; None where they are off or cannot be.
        socket: where tap and record ask; None where it could not be made.
        clock_stepped: see Status.
        process: memory, threads, files.
        mqtt: the connection.
        outbox: what waits.
        ledger: what became of every window and message since installation.
        assets: all that are configured.
        reload: of the configuration; None where there was none since the start.
        trials: of other bundles, one for an asset at most.
        update: by the operator; None in a status of an agent that knew of none.
    """

    pid: int
    gateway: str
    state_dir: str
    session: str
    started: str
    uptime_s: float
    written: str
    written_boot_s: float
    versions: dict[str, str]
    time_quality: TimeQuality
    clock_stepped: ClockStep | None = None
    metrics: str | None
    socket: str | None
    process: ProcessReport
    mqtt: LinkReport
    outbox: StoreState
    ledger: LedgerSnapshot
    assets: tuple[AssetReport, ...]
    reload: ReloadReport | None = None
    trials: tuple[TrialReport, ...] = ()
    update: UpdateReport | None = None


def asset_report(
    record: AssetRecord, now_s: float, recorder: Recorder | None = None
) -> AssetReport:
    """Return what ``record`` and ``recorder`` say now; ``now_s`` is monotonic."""
    end_ns = record.last_end_ns
    return AssetReport(
        **msgspec.structs.asdict(asset_status(record)),
        model_id=record.model_id,
        blocks=record.blocks,
        block_age_s=round(now_s - record.last_block_s, 3) if record.blocks else None,
        restarts=record.restarts,
        windows=record.windows,
        scored=record.scored,
        last_reason=record.last_reason,
        last_detail=record.last_detail,
        score=record.score,
        threshold=record.threshold,
        level_score=record.level_score,
        level_threshold=record.level_threshold,
        velocity_mm_s=record.velocity_mm_s,
        velocity_limit_mm_s=record.velocity_limit_mm_s,
        anomaly=record.open is not None,
        open=_open_report(record),
        standing=record.standing,
        last_window_end=None if end_ns is None else rfc3339(end_ns),
        flow_ms=round(1e3 * record.flow_s, 3),
        flow_max_ms=round(1e3 * record.flow_max_s, 3),
        flow_total_s=round(record.flow_total_s, 6),
        budget=None if record.budget is None else budget_report(record.budget),
        commissioning=record.commissioning,
        recorder=None if recorder is None else recorder.reach(record.name),
    )


def _open_report(record: AssetRecord) -> OpenReport | None:
    anomaly = record.open
    if anomaly is None:
        return None
    return OpenReport(
        opened=rfc3339(anomaly.opened_ns),
        detector=anomaly.detector,
        severity=anomaly.severity,
        features=tuple(Share(name, share) for name, share in record.responsible),
    )


def budget_report(budget: BudgetSpec) -> BudgetReport:
    """Return the figures of ``budget`` that status shows."""
    return BudgetReport(
        asked=budget.asked,
        expected=budget.point.expected,
        low=budget.point.low,
        high=budget.point.high,
        supported=budget.supported,
    )


def link_report(broker: str, link: LinkState, inbox: InboxState) -> LinkReport:
    """Return how the connection is doing now."""
    return LinkReport(
        broker=broker,
        connected=link.connected,
        for_s=round(time.monotonic() - link.changed_s, 3),
        protocol=link.protocol,
        error=link.error,
        connections=link.connections,
        refused=link.refused,
        refusal=link.refusal,
        commands=CommandsReport(
            commands=inbox.commands,
            refused=inbox.refused,
            unanswered=inbox.unanswered,
            problem=inbox.problem,
        ),
    )


def process_report() -> ProcessReport:
    """Return what this process takes now. Raises OSError where /proc is not mounted."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return ProcessReport(
        resident_bytes=pages * _PAGE_BYTES,
        threads=threading.active_count(),
        open_files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
    )


def asset_reports(
    records: Sequence[AssetRecord], recorder: Recorder | None = None
) -> tuple[AssetReport, ...]:
    """Return what all ``records`` say now, and how far back ``recorder`` goes."""
    now_s = time.monotonic()
    return tuple(asset_report(record, now_s, recorder) for record in records)
