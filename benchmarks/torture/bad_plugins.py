"""One plugin that misbehaves beside 49 assets that are sound."""

import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.broker import Broker
from benchmarks.torture import accounts
from benchmarks.torture.agent import Agent, asset_names
from benchmarks.torture.ears import BROKER_LINES, Ears, Heard
from benchmarks.torture.scenario import Outcome, Scale

SOUND = 49

_FULL_S, _SHORT_S = 20, 6
_WINDOW_S = 1.0
_EXACT_S = 1e-5
_ASKED = f"{SOUND} sound assets lose no window"
_PROCESS = 'isolation = "process"\ndeadline_s = 2.0\nmemory_max_mb = 150'
_THREAD = "deadline_s = 2.0"
_REALLY = 'on_failure = "retry"'
# Fault, and the table of its asset: what ends a process, or never returns, belongs in one.
_FAULTS = {
    "raise": _THREAD,
    "hang": _PROCESS,
    "leak": _PROCESS,
    "segfault": _PROCESS,
    "flood": _THREAD,
    "rubbish": _THREAD,
}


class BadPlugins:
    """Each fault by itself; in the short form all of them at once, which is harder."""

    name = "plugins"

    def run(self, scale: Scale, folder: Path) -> Outcome:
        """Watch the sound ones meanwhile."""
        outcome = Outcome()
        groups = [(fault,) for fault in _FAULTS] if scale.share else []
        for faults in (*groups, tuple(_FAULTS)):
            name = f"plugins: {faults[0] if len(faults) == 1 else 'all at once'}"
            with outcome.part(name, _ASKED):
                self._beside(outcome, name, faults, scale.of(_FULL_S, _SHORT_S), folder / name[9:])
        return outcome

    def _beside(
        self, outcome: Outcome, name: str, faults: tuple[str, ...], watched_s: int, folder: Path
    ) -> None:
        folder.mkdir(parents=True)
        broker = Broker(folder, BROKER_LINES)
        broker.start()
        ears = Ears(broker.port)
        agent = Agent(folder / "agent", broker.port)
        sound = asset_names(SOUND)
        for number, asset in enumerate(sound):
            agent.watch(
                asset, real_time=True, interval_s=_WINDOW_S, phase_s=number * _WINDOW_S / SOUND
            )
        for fault in faults:
            agent.watch(
                f"bad-{fault}",
                sensor=f"{_FAULTS[fault]}\n{_REALLY}",
                interval_s=0.1,
                fault=fault,
                fault_at=5,
            )
        try:
            agent.start()
            agent.wait_until_scored(sound)
            time.sleep(watched_s)
            agent.wait_until_scored(sound, watched_s)
            report = agent.report()
            agent.stop()
        finally:
            agent.kill()
            ears.close()
            broker.stop()
        _judge(outcome, name, ears, report)


def _judge(outcome: Outcome, name: str, ears: Ears, report: dict[str, Any]) -> None:
    lost, windows = 0, 0
    for asset in asset_names(SOUND):
        scores = [m for m in ears.heard if (m.asset, m.kind) == (asset, "score")]
        windows += len(scores)
        lost += _lost(scores)
    found = accounts.contradictions_inside(report)
    states = {
        asset["name"]: f"{asset['state']}, restarted {asset['restarts']} times"
        for asset in report["assets"]
        if asset["name"].startswith("bad-")
    }
    unsound = [
        asset["name"]
        for asset in report["assets"]
        if not asset["name"].startswith("bad-") and asset["state"] != "running"
    ]
    bad = "; ".join(f"{asset.removeprefix('bad-')} {state}" for asset, state in states.items())
    outcome.add(
        name,
        _ASKED,
        f"{windows} windows, {lost} lost; {len(unsound)} not running;"
        f" {'; '.join(found[:2]) or 'ledger exact'}; {bad}",
        passed=(lost, len(unsound), len(found)) == (0, 0, 0) and windows > 0,
    )


def _lost(scores: list[Heard]) -> int:
    """Return how many windows are missing between the first and the last one."""
    lost = 0
    for one, other in pairwise(scores):
        apart_s = _seconds(other.said["start"]) - _seconds(one.said["end"])
        lost += other.said["index"] - one.said["index"] - 1
        lost += other.said["gap"] or abs(apart_s) > _EXACT_S
    return lost


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
