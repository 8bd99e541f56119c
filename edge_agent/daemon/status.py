"""How the running agent is doing, in a file for ``edge-agent status`` on the same machine."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.birth import asset_status
from edge_agent.daemon.keep import replace_file
from edge_agent.daemon.messages import AssetStatus
from edge_agent.daemon.mqtt import LinkState
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.pipeline.budget import BudgetSpec

WRITE_INTERVAL_S = 5.0
STALE_S = 4 * WRITE_INTERVAL_S
RUN_DIRECTORY = Path("/run/edge-agent")
_NAME = "status.json"


class BudgetReport(msgspec.Struct, frozen=True, kw_only=True):
    """False alarms per month that an asset's thresholds stand for; see BudgetSpec."""

    asked: float | None
    expected: float
    low: float
    high: float
    supported: float


class AssetReport(AssetStatus, frozen=True, kw_only=True):
    """One asset, with what it has done so far; see AssetRecord."""

    blocks: int
    restarts: int
    windows: int
    scored: int
    score: float | None
    threshold: float | None
    anomaly: bool
    last_window_end: str | None
    flow_ms: float
    flow_max_ms: float
    budget: BudgetReport | None = None


class LinkReport(msgspec.Struct, frozen=True, kw_only=True):
    """The connection to the broker; see LinkState."""

    broker: str
    connected: bool
    protocol: Literal["5", "3.1.1"] | None
    error: str | None
    connections: int
    refused: int
    refusal: str | None
    waiting: int
    dropped: dict[str, int]


class AgentReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole agent.

    Attributes:
        pid: of the process.
        gateway: its name.
        state_dir: tells agents on one machine apart.
        session: of this run.
        started: when it began.
        written: when this was written.
        written_ns: likewise, to tell whether it is stale.
        versions: of what computes the scores.
        mqtt: the connection.
        assets: all that are configured.
    """

    pid: int
    gateway: str
    state_dir: str
    session: str
    started: str
    written: str
    written_ns: int
    versions: dict[str, str]
    mqtt: LinkReport
    assets: tuple[AssetReport, ...]


class NotRunningError(Exception):
    """No agent runs with this configuration, or it has stopped telling how it is."""


def asset_report(record: AssetRecord) -> AssetReport:
    """Return what ``record`` says now."""
    end_ns = record.last_end_ns
    return AssetReport(
        **msgspec.structs.asdict(asset_status(record)),
        blocks=record.blocks,
        restarts=record.restarts,
        windows=record.windows,
        scored=record.scored,
        score=record.score,
        threshold=record.threshold,
        anomaly=record.anomaly,
        last_window_end=None if end_ns is None else rfc3339(end_ns),
        flow_ms=round(1e3 * record.flow_s, 3),
        flow_max_ms=round(1e3 * record.flow_max_s, 3),
        budget=None if record.budget is None else budget_report(record.budget),
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


def link_report(broker: str, link: LinkState, outbox: Outbox) -> LinkReport:
    """Return how the connection is doing now."""
    return LinkReport(
        broker=broker,
        connected=link.connected,
        protocol=link.protocol,
        error=link.error,
        connections=link.connections,
        refused=link.refused,
        refusal=link.refusal,
        waiting=len(outbox),
        dropped=dict(outbox.dropped),
    )


def status_file(state_dir: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the agent writes: in memory below /run where systemd gives it a folder there.

    A write every few seconds is not for a gateway's flash.
    """
    folder = environment.get("RUNTIME_DIRECTORY")
    return (Path(folder.partition(":")[0]) if folder else state_dir) / _NAME


def write_report(file: Path, report: AgentReport) -> None:
    """Replace the status file. Raises OSError."""
    replace_file(file, msgspec.json.encode(report), durable=False)


def read_report(gateway: str, state_dir: Path) -> AgentReport:
    """Return the report of the agent that runs as ``gateway`` with ``state_dir``.

    Raises:
        NotRunningError: there is none, or its report is older than a living agent's can be.
    """
    reports = [_read(folder / _NAME) for folder in (RUN_DIRECTORY, state_dir)]
    own = [
        report
        for report in reports
        if report is not None and (report.gateway, report.state_dir) == (gateway, str(state_dir))
    ]
    if not own:
        raise NotRunningError(
            f"no agent of gateway {gateway} runs: no status in {RUN_DIRECTORY} or {state_dir}"
        )
    report = max(own, key=lambda report: report.written_ns)
    age_s = (time.time_ns() - report.written_ns) / 1e9
    if age_s > STALE_S or not Path(f"/proc/{report.pid}").exists():
        raise NotRunningError(
            f"the agent of gateway {gateway} (process {report.pid}) does not run any more:"
            f" its last status is of {report.written}"
        )
    return report


def _read(file: Path) -> AgentReport | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=AgentReport)
    except (OSError, msgspec.MsgspecError):
        return None  # not there, or of another version: no status that can be shown
