import os
from pathlib import Path

import msgspec
import pytest

from edge_agent.daemon.ledger import LedgerSnapshot, StoreState
from edge_agent.daemon.mqtt.inbox import InboxState
from edge_agent.daemon.mqtt.link import LinkState
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.report import AgentReport, asset_reports, link_report, process_report
from edge_agent.daemon.status import (
    NotRunningError,
    boot_time_s,
    read_report,
    status_file,
    write_report,
)


def report(state_dir: Path, *, pid: int | None = None, age_s: float = 0.0) -> AgentReport:
    return AgentReport(
        pid=pid or os.getpid(),
        gateway="gw-1",
        state_dir=str(state_dir),
        session="s",
        started="",
        written="2026-01-01T00:00:00Z",
        written_boot_s=boot_time_s() - age_s,
        uptime_s=1.0,
        time_quality="unknown",
        metrics=None,
        socket=None,
        process=process_report(),
        versions={},
        mqtt=link_report("broker:1883", LinkState(), InboxState()),
        outbox=StoreState(),
        ledger=LedgerSnapshot(since="", assets=()),
        assets=asset_reports([AssetRecord("pump-1", "bench")]),
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = report(tmp_path)
    write_report(status_file(tmp_path, {}), written)
    assert read_report("gw-1", tmp_path) == written


def test_systemds_run_directory_goes_before_the_flash(tmp_path: Path) -> None:
    assert status_file(tmp_path, {"RUNTIME_DIRECTORY": "/run/a:/run/b"}) == Path(
        "/run/a/status.json"
    )
    assert status_file(tmp_path, {}) == tmp_path / "status.json"


def test_no_file_is_no_agent(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="no agent of gateway gw-1"):
        read_report("gw-1", tmp_path)


def test_another_gateways_file_is_no_agent(tmp_path: Path) -> None:
    write_report(status_file(tmp_path, {}), report(tmp_path))
    with pytest.raises(NotRunningError):
        read_report("gw-2", tmp_path)


@pytest.mark.parametrize("stale", [{"age_s": 60.0}, {"age_s": -60.0}, {"pid": 2**22 - 1}])
def test_a_file_that_was_left_behind_is_no_agent(tmp_path: Path, stale: dict[str, int]) -> None:
    write_report(status_file(tmp_path, {}), report(tmp_path, **stale))
    with pytest.raises(NotRunningError, match="does not run any more"):
        read_report("gw-1", tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", msgspec.json.encode({"pid": 1})])
def test_a_damaged_file_is_no_agent(tmp_path: Path, content: bytes) -> None:
    status_file(tmp_path, {}).write_bytes(content)
    with pytest.raises(NotRunningError):
        read_report("gw-1", tmp_path)
