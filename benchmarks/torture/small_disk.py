"""A state directory on a disk of its own, which gets full or is read-only."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from benchmarks.torture import accounts
from benchmarks.torture.agent import Agent, wait_until
from benchmarks.torture.ears import Ears
from benchmarks.torture.scenario import NotRunError, Outcome

_ASKED = "scoring and sending go on, reported; all is back when the cause is gone"
_PATIENCE_S = 200.0
_SCORES = 50  # that have to be heard while the disk cannot be written


def prepare(agent: Agent, then: str = "true") -> None:
    """Let ``agent`` see a disk of 2 MB where its state is, after the shell command ``then``.

    Raises:
        NotRunError: nothing can be mounted here.
    """
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise NotRunError("mounting needs root and unshare")
    agent.state.mkdir(exist_ok=True)
    state = shlex.quote(str(agent.state))
    script = f'mount -t tmpfs -o size=2m small {state} && {then} && exec "$@"'
    command = ("unshare", "-m", "sh", "-c", script, "sh")
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise NotRunError(f"nothing can be mounted here: {tried.stderr.strip()}")
    agent.wrapper = command


def full(outcome: Outcome, name: str, agent: Agent, ears: Ears) -> None:
    """Fill the disk under the running agent, and empty it again."""
    prepare(agent)
    agent.start()
    _hear(agent, ears, _SCORES)
    ballast = Path(f"/proc/{agent.pid}/root{agent.state}/ballast")
    fill = ["dd", "if=/dev/zero", f"of={ballast}"]
    subprocess.run(fill, capture_output=True, check=False)
    told = wait_until(lambda: _problem(agent), _PATIENCE_S)
    problem = _problem(agent)
    _hear(agent, ears, _SCORES)
    ballast.unlink()
    _judge(outcome, name, agent, ears, problem if told else None)


def read_only(outcome: Outcome, name: str, agent: Agent, ears: Ears) -> None:
    """Start on a disk that cannot be written, and make it writable under the running agent."""
    state = shlex.quote(str(agent.state))
    there = f"mkdir {state}/assets && touch {state}/lock"
    prepare(agent, f"{there} && mount -o remount,ro {state}")
    agent.start()
    _hear(agent, ears, _SCORES)
    told = wait_until(lambda: _problem(agent), _PATIENCE_S)
    problem = _problem(agent)
    remount = ["mount", "-o", "remount,rw", str(agent.state)]
    inside = ["nsenter", f"--mount=/proc/{agent.pid}/ns/mnt"]
    subprocess.run([*inside, *remount], check=True)
    _judge(outcome, name, agent, ears, problem if told else None)


def _hear(agent: Agent, ears: Ears, more: int) -> None:
    wanted = len(ears.heard) + more
    if not wait_until(lambda: len(ears.heard) >= wanted, _PATIENCE_S):
        raise agent.failure(f"{len(ears.heard)} messages heard instead of {wanted}")


def _problem(agent: Agent) -> str | None:
    report = agent.report()
    if not report or report["outbox"]["durable"]:
        return None
    return str(report["outbox"]["problem"])


def _judge(outcome: Outcome, name: str, agent: Agent, ears: Ears, problem: str | None) -> None:
    back = wait_until(lambda: agent.report() and _problem(agent) is None, _PATIENCE_S)
    _hear(agent, ears, _SCORES)
    missing, doubled = accounts.holes(ears.heard), accounts.doubled(ears.heard)
    report = agent.report()
    wrong = accounts.contradictions_inside(report)
    given_up = sum(
        counts[fate]
        for asset in report["ledger"]["assets"]
        for counts in asset["messages"].values()
        for fate in ("evicted", "expired", "lost", "refused")
    )
    outcome.add(
        name,
        _ASKED,
        f"told: {(problem or 'nothing').rpartition(': ')[2]}; {len(ears.heard)} heard, {missing}"
        f" missing, {doubled} doubled, {given_up} given up;"
        f" {'; '.join(wrong[:2]) or 'ledger exact'}; on the disk again: {'yes' if back else 'no'}",
        passed=bool(problem) and back and (missing, doubled, given_up, len(wrong)) == (0, 0, 0, 0),
    )
