"""A long time at a hundred times real time: nothing may grow."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.broker import Broker
from benchmarks.torture.agent import (
    Agent,
    asset_names,
    memory,
    open_files,
    threads,
    wait_until,
)
from benchmarks.torture.scenario import Outcome, Scale

ASSETS = 50
PERIOD_S = 60.0
SPEEDUP = 100.0
MOST_GROWTH_MB = 1.0
RUSH = 150  # windows of each asset at once at first: every history is full, alarms have come

_FULL_S, _SHORT_S = 3600, 20
_WARM_UP_SHARE, _LONGEST_WARM_UP_S = 0.3, 300.0
_LATEST_S = 150.0  # on a busy machine windows come late; none may stay away
_SAMPLES = 60
_TOGETHER = 5  # of the first and of the last measurements: one alone may hit a busy moment


class Soak:
    """Fifty assets, a window a minute each; sped up."""

    name = "soak"

    def run(self, scale: Scale, folder: Path) -> Outcome:
        """Measure memory, files and threads all the time after warming up."""
        lasting_s = scale.of(_FULL_S, _SHORT_S)
        broker = Broker(folder)
        broker.start()
        agent = Agent(folder / "agent", broker.port, period_s=PERIOD_S)
        interval_s = PERIOD_S / SPEEDUP
        names = asset_names(ASSETS)
        for number, name in enumerate(names):
            phase_s = number * interval_s / ASSETS
            agent.watch(
                name,
                interval_s=interval_s,
                phase_s=phase_s,
                rush=RUSH,
                loud_every=200,
                loud_for=10,
            )
        try:
            agent.start()
            agent.wait_until_scored(names, RUSH)
            time.sleep(min(_LONGEST_WARM_UP_S, _WARM_UP_SHARE * lasting_s))
            return self._measure(agent, lasting_s)
        finally:
            agent.kill()
            broker.stop()

    def _measure(self, agent: Agent, lasting_s: float) -> Outcome:
        outcome = Outcome()
        before_s, before = _windows(agent)
        taken, files, running = [], set(), set()
        for _ in range(_SAMPLES):
            time.sleep(lasting_s / _SAMPLES)
            if agent.ended is not None:
                raise agent.failure("it ended")
            taken.append(memory(agent.pid))
            files.add(_lasting_files(agent.pid))
            running.add(threads(agent.pid))
        after_s, _ = _windows(agent)
        took_s = after_s - before_s
        wanted = before + ASSETS * took_s * SPEEDUP / PERIOD_S
        came = wait_until(lambda: _windows(agent)[1] >= wanted, _LATEST_S)
        late_s = _windows(agent)[0] - after_s
        own_mb, pss_mb = [m.own_mb for m in taken], [m.pss_mb for m in taken]
        outcome.add(
            "soak: memory",
            f"grows by less than {MOST_GROWTH_MB:g} MB in {took_s:.0f} s at {SPEEDUP:g} x, without"
            " the files mapped, whose share depends on who else runs",
            f"{_growth(own_mb):+.2f} MB from {own_mb[0]:.1f} MB; PSS {_growth(pss_mb):+.2f} MB"
            f" from {pss_mb[0]:.1f} MB",
            passed=_growth(own_mb) < MOST_GROWTH_MB,
        )
        for what, found in (("file descriptors", files), ("threads", running)):
            outcome.add(
                f"soak: {what}",
                "constant",
                " or ".join(map(str, sorted(found))),
                passed=len(found) == 1,
            )
        outcome.add(
            "soak: windows",
            f"all of the {wanted - before:.0f} that are due in that time come",
            f"{_windows(agent)[1] - before}, {late_s:.0f} s later",
            passed=came,
        )
        return outcome


def _growth(sizes: Sequence[float]) -> float:
    return median(sizes[-_TOGETHER:]) - median(sizes[:_TOGETHER])


def _lasting_files(pid: int) -> int:
    """Return the number of descriptors, but for a file that is being written just now."""
    found = []
    for _ in range(5):
        found.append(open_files(pid))
        time.sleep(0.02)
    return min(found)


def _windows(agent: Agent) -> tuple[float, int]:
    """Return for how long the agent had run when it last said so, and its windows by then."""
    report = agent.report()
    return report["uptime_s"], sum(asset["windows"] for asset in report["assets"])
