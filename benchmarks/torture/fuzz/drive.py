"""Runs the children one after the other, and goes on after each input that ended one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from benchmarks.torture.fuzz.child import AT, AT_CLOSE, HANG_S, Defect, Fed

_INPUTS_PER_CHILD = 10_000  # what leaks a little does not run into the memory limit
_POLL_S = 0.2
_START_S = 120.0  # a busy machine imports slowly
_ROOT = Path(__file__).parents[3]


def drive(name: str, inputs: int, seed: int, folder: Path) -> Fed:
    """Feed target ``name`` with inputs 0 to ``inputs``; return what came of all."""
    total = Fed()
    first = 0
    while first < inputs:
        end = min(inputs, first + _INPUTS_PER_CHILD)
        fed, at = _child(name, seed, first, end, folder)
        total.taken += fed.taken
        total.refused += fed.refused
        for defect in fed.defects:
            total.add(defect)
        first = end if at is None else max(at, first) + 1
    return total


def _child(name: str, seed: int, first: int, end: int, folder: Path) -> tuple[Fed, int | None]:
    """Return what came of these inputs; and the input that ended the child, None for none."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "at"
    note.write_bytes(AT.pack(-1))
    said = folder / "said"
    command = [sys.executable, "-m", "benchmarks.torture.fuzz.child", name]
    command += [str(seed), str(first), str(end), str(folder)]
    with said.open("wb") as errors:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=errors)
        hung = _watch(process, note)
        printed = process.communicate()[0]
    at = AT.unpack(note.read_bytes())[0]
    if process.returncode == 0:
        return msgspec.json.decode(printed, type=Fed), None
    if at == AT_CLOSE:
        at = end - 1
    fed = Fed(taken=0, refused=max(0, at - first))
    words = said.read_text(errors="replace").strip().splitlines()
    ended = "no answer, killed" if hung else f"ended by {_cause(process.returncode)}"
    fed.add(Defect(at, ended, " | ".join(words[:6])[:300]))
    return fed, at


def _watch(process: "subprocess.Popen[bytes]", note: Path) -> bool:
    """Wait for the end; kill a child that does not even come to raise its own alarm."""
    last, since_s = b"", time.monotonic()
    while process.poll() is None:
        time.sleep(_POLL_S)
        now = note.read_bytes()
        if now != last:
            last, since_s = now, time.monotonic()
        patience_s = _START_S if now in (AT.pack(-1), AT.pack(AT_CLOSE)) else 3 * HANG_S
        if time.monotonic() - since_s > patience_s:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return True
    return False


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
