"""``edge-agent diag``: one archive with what somebody far away needs to help, and no secret.

Each part is made by itself: what cannot be had is a sentence in the archive, as the agent that
needs help is the one of which some part is broken.
"""

import io
import os
import platform
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import msgspec

from edge_agent.bundle import Bundle, BundleError
from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.config.check import check_config
from edge_agent.daemon.config.draft import Draft, read_draft
from edge_agent.daemon.config.settings import OutboxSettings
from edge_agent.daemon.outbox.inspect import check as check_outbox
from edge_agent.daemon.outbox.inspect import read_stats
from edge_agent.daemon.redact import Redactor, secrets_in
from edge_agent.daemon.report import AgentReport
from edge_agent.daemon.status import NotRunningError, read_report
from edge_agent.disk import replace_file
from edge_agent.plugin.discovery import discover

UNIT = "edge-agent.service"
_LOG_LINES = 5000
_PART_BYTES = 4 << 20
_JOURNAL_TIMEOUT_S = 30.0
_DEFAULT_STATE_DIR = "/var/lib/edge-agent"
_SYSTEM_FILES = ("/etc/os-release", "/proc/meminfo", "/proc/loadavg", "/proc/uptime")
_PROCESS_FILES = ("status", "limits", "smaps_rollup", "cgroup")
_ABOUT = """\
Made by edge-agent diag for whoever helps with this gateway. Secrets were removed: values of keys
that are named like one, the known passwords wherever they stood, private keys, users in addresses.
Measured samples are not in it. Look before you send it: tar xOf FILE | less
"""


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What was collected.

    Attributes:
        file: the archive.
        bytes: its size.
        parts: names of what is in it.
        missing: what could not be had, and why.
    """

    file: str
    bytes: int
    parts: tuple[str, ...]
    missing: dict[str, str]


def collect_diagnosis(config: Path, file: Path) -> Collected:
    """Write the archive.

    Args:
        config: the main configuration file; it may be wrong or missing.
        file: to write.

    Raises:
        OSError: it cannot be written.
    """
    draft = read_draft(config)
    redactor = Redactor(_secrets(draft))
    parts: dict[str, bytes] = {"README.txt": _ABOUT.encode()}
    missing: dict[str, str] = {}
    for name, make in _makers(config, draft).items():
        try:
            made = make()
        except Exception as error:  # noqa: BLE001 - what is broken must not hide the rest
            missing[name] = redactor.text(f"{type(error).__name__}: {error}")
            continue
        if isinstance(made, str):
            text = redactor.text(made)
        else:
            text = _pretty(redactor.table(msgspec.to_builtins(made)))
        parts[name] = text.encode(errors="replace")[-_PART_BYTES:]  # of a log the end counts
    parts["missing.json"] = _pretty(missing).encode()
    content = _archive(parts)
    replace_file(file, content)
    return Collected(file=str(file), bytes=len(content), parts=tuple(parts), missing=missing)


def _makers(config: Path, draft: Draft) -> dict[str, Callable[[], object]]:
    gateway = str(draft.sources.table.get("gateway", ""))
    stated = draft.sources.table.get("state_dir", _DEFAULT_STATE_DIR)
    state_dir = config.absolute().parent / str(stated)
    outbox = OutboxSettings() if draft.config is None else draft.config.outbox
    max_bytes = round(outbox.max_mb * 1e6)

    def report() -> AgentReport:
        return read_report(gateway, state_dir)

    return {
        "config.json": lambda: draft.sources.table,
        "check.json": lambda: check_config(config, offline=True),
        "status.json": report,
        "versions.json": _versions,
        "plugins.json": _plugins,
        "bundles.json": lambda: _bundles(draft),
        "outbox.json": lambda: read_stats(state_dir, max_bytes),
        "outbox-check.json": lambda: check_outbox(state_dir),
        "state.json": lambda: _folder(state_dir),
        "disk.json": lambda: _disks(state_dir, config.absolute().parent),
        "log.txt": _log,
        **{f"system/{Path(f).name}.txt": _reader(Path(f)) for f in _SYSTEM_FILES},
        **{f"process/{name}.txt": _of_process(report, name) for name in _PROCESS_FILES},
    }


def _secrets(draft: Draft) -> set[str]:
    """Return what the configuration holds or points to."""
    mqtt = draft.sources.table.get("mqtt")
    found = secrets_in(draft.sources.table)
    if not isinstance(mqtt, dict):
        return found
    # Names of files and variables are no secrets themselves, but hide what they lead to.
    if (variable := mqtt.get("password_env")) is not None:
        found.add(os.environ.get(str(variable), ""))
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials/" + UNIT)
    folder = draft.sources.main.absolute().parent
    files = [folder / str(mqtt["password_file"])] if "password_file" in mqtt else []
    if "password_credential" in mqtt:
        files.append(Path(credentials) / str(mqtt["password_credential"]))
    for file in files:
        try:
            content = file.read_text(errors="replace")[:_PART_BYTES]
        except OSError:
            continue
        found |= {line.strip() for line in content.splitlines()}
    return found


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _versions() -> object:
    installed = {d.name: d.version for d in metadata.distributions() if d.name}
    return {
        "made": rfc3339(time.time_ns()),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
        "distributions": dict(sorted(installed.items())),
    }


def _plugins() -> object:
    return [
        {
            "kind": kind,
            "name": record.name,
            "status": record.status,
            "from": f"{record.distribution} {record.distribution_version}",
            "reason": record.reason,
        }
        for kind in ("sensors", "features")
        for record in discover(kind).values()
    ]


def _bundles(draft: Draft) -> object:
    def one(path: str) -> object:
        try:
            bundle = Bundle.read(Path(path))
        except BundleError as error:
            return {"problem": str(error)}
        return {"sha256": bundle.sha256, "manifest": bundle.manifest}

    return {path: one(path) for path in sorted({asset.bundle for asset in draft.assets.values()})}


def _folder(folder: Path) -> object:
    return [
        {
            "path": str(path.relative_to(folder)),
            "bytes": (found := path.lstat()).st_size,
            "changed": rfc3339(found.st_mtime_ns),
            "mode": oct(found.st_mode),
        }
        for path in sorted(folder.rglob("*"))[:1000]
    ]


def _disks(*folders: Path) -> object:
    return {
        str(folder): shutil.disk_usage(folder)._asdict() for folder in folders if folder.exists()
    }


def _log() -> str:
    program = shutil.which("journalctl")
    if program is None:
        raise NotRunningError("journalctl is not installed: the log is where edge-agent run wrote")
    command = [program, f"--unit={UNIT}", f"--lines={_LOG_LINES}", "--no-pager", "-o", "short-iso"]
    done = subprocess.run(  # noqa: S603 - a fixed command
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_JOURNAL_TIMEOUT_S,
        check=False,
    )
    return done.stdout + done.stderr


def _reader(path: Path) -> Callable[[], str]:
    return lambda: path.read_text(errors="replace")


def _of_process(report: Callable[[], AgentReport], name: str) -> Callable[[], str]:
    return lambda: Path(f"/proc/{report().pid}/{name}").read_text(errors="replace")


def _archive(parts: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in parts.items():
            member = tarfile.TarInfo(f"edge-agent-diag/{name}")
            member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()
