"""How the running agent is doing, in a file for ``edge-agent status`` on the same machine."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from edge_agent.daemon.report import AgentReport
from edge_agent.disk import replace_file

WRITE_INTERVAL_S = 5.0
STALE_S = 4 * WRITE_INTERVAL_S
RUN_DIRECTORY = Path("/run/edge-agent")
_NAME = "status.json"


class NotRunningError(Exception):
    """No agent runs with this configuration, or it has stopped telling how it is."""


def run_folder(state_dir: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the agent can be met: in memory below /run where systemd gives it a folder there.

    A write every few seconds is not for a gateway's flash.
    """
    folder = environment.get("RUNTIME_DIRECTORY")
    return Path(folder.partition(":")[0]) if folder else state_dir


def status_file(state_dir: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the agent writes how it is."""
    return run_folder(state_dir, environment) / _NAME


def write_report(file: Path, report: AgentReport) -> None:
    """Replace the status file. Raises OSError."""
    replace_file(file, msgspec.json.encode(report))


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
    report = max(own, key=lambda report: report.written_boot_s)
    age_s = boot_time_s() - report.written_boot_s  # negative: it was written before a reboot
    if not 0.0 <= age_s <= STALE_S or not Path(f"/proc/{report.pid}").exists():
        raise NotRunningError(
            f"the agent of gateway {gateway} (process {report.pid}) does not run any more:"
            f" its last status is of {report.written}"
        )
    return report


def boot_time_s() -> float:
    """Seconds since the machine was started, sleep included; the same in every process."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _read(file: Path) -> AgentReport | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=AgentReport)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None  # not there, or of another version: no status that can be shown
