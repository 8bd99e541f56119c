"""The wall clock is set by an hour and by a year, there and back; the monotonic one is left."""

import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.broker import Broker
from benchmarks.torture.agent import Agent, asset_names, wait_until
from benchmarks.torture.ears import BROKER_LINES, Ears, Heard
from benchmarks.torture.scenario import NotRunError, Outcome, Scale

ASSETS = 5
RATE_HZ = 1024.0
WINDOW_S = 0.25
HOUR_S = 3600
YEAR_S = 365 * 24 * HOUR_S

_FULL_S, _SHORT_S = 20, 2  # after each step
_OFFSETS_S = (HOUR_S, 0, YEAR_S, 0, -HOUR_S, 0, -YEAR_S, 0)
_LIBRARY = "*/faketime/libfaketimeMT.so.1"
_EXACT_S = 1e-5
_LATE_S = 0.5  # from the step to the window that shows it
_REPORTED_S = 20.0


class Clock:
    """Five assets, four windows a second each, anomalies opening and closing meanwhile."""

    name = "clock"

    def run(self, scale: Scale, folder: Path) -> Outcome:
        """Set the clock of the agent alone, again and again."""
        libraries = sorted(Path("/usr/lib").glob(_LIBRARY))
        if not libraries:
            raise NotRunError("libfaketime is not installed (Debian: apt-get install faketime)")
        offset = folder / "offset"
        _set(offset, 0)
        broker = Broker(folder, BROKER_LINES)
        broker.start()
        ears = Ears(broker.port)
        agent = Agent(folder / "agent", broker.port, rate_hz=RATE_HZ)
        agent.environment |= {
            "LD_PRELOAD": str(libraries[0]),
            "DONT_FAKE_MONOTONIC": "1",  # and CLOCK_BOOTTIME with it
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
        }
        for asset in asset_names(ASSETS):
            agent.watch(asset, real_time=True, interval_s=WINDOW_S, loud_every=40, loud_for=5)
        try:
            agent.start()
            agent.wait_until_scored(asset_names(ASSETS))
            for offset_s in _OFFSETS_S:
                time.sleep(scale.of(_FULL_S, _SHORT_S))
                _set(offset, offset_s)
            wait_until(lambda: _noted(agent) == len(_OFFSETS_S), _REPORTED_S)
            noted = _noted(agent)
            wait_until(lambda: _jumps(ears) >= len(_OFFSETS_S) * ASSETS, _REPORTED_S)
            agent.stop()
        finally:
            agent.kill()
            ears.close()
            broker.stop()
        outcome = Outcome()
        _judge(outcome, noted, ears)
        return outcome


def _set(offset: Path, seconds: int) -> None:
    new = offset.with_suffix(".new")
    new.write_text(f"{seconds:+d}\n")
    new.replace(offset)


def _noted(agent: Agent) -> int:
    step: dict[str, Any] | None = agent.report().get("clock_stepped")
    return 0 if step is None else int(step["count"])


def _judge(outcome: Outcome, noted: int, ears: Ears) -> None:
    steps = len(_OFFSETS_S)
    jumps = _jumps(ears)
    windows = broken = unordered = 0
    for asset in asset_names(ASSETS):
        scores = _scores(ears, asset)
        windows += len(scores)
        broken += sum(_is_broken(one, other) for one, other in pairwise(scores))
        said = [m.said for m in ears.heard if (m.asset, m.kind) == (asset, "anomaly")]
        unordered += sum(_is_unordered(one, other) for one, other in pairwise(said))
    ids = {m.said["id"] for m in ears.heard}
    outcome.add(
        "clock: windows",
        "whole over steps of an hour and a year, there and back",
        f"{windows} windows, {broken} broken, {jumps} steps in their times"
        f" ({steps} for each of {ASSETS} assets)",
        passed=(broken, jumps) == (0, steps * ASSETS) and windows > 0,
    )
    events = sum(m.kind == "anomaly" for m in ears.heard)
    outcome.add(
        "clock: events",
        "in order; no id twice",
        f"{events} events, {unordered} out of order; {len(ears.heard) - len(ids)} ids twice",
        passed=(unordered, len(ids)) == (0, len(ears.heard)) and events > 0,
    )
    outcome.add(
        "clock: told",
        "clock_stepped in the status counts each",
        f"{noted} of {steps}",
        passed=noted == steps,
    )


def _scores(ears: Ears, asset: str) -> list[Heard]:
    return [m for m in ears.heard if (m.asset, m.kind) == (asset, "score")]


def _jumps(ears: Ears) -> int:
    """Return how often the times of two windows in a row are not next to each other."""
    return sum(
        abs(_step_s(one, other)) > _LATE_S
        for asset in asset_names(ASSETS)
        for one, other in pairwise(_scores(ears, asset))
    )


def _is_broken(one: Heard, other: Heard) -> bool:
    before, after = one.said, other.said
    lasting_s = _seconds(after["end"]) - _seconds(after["start"])
    follows = after["index"] == before["index"] + 1 and after["seq"] == before["seq"] + 1
    return not follows or after["gap"] or abs(lasting_s - WINDOW_S) > _EXACT_S


def _step_s(one: Heard, other: Heard) -> float:
    return _seconds(other.said["start"]) - _seconds(one.said["end"])


def _is_unordered(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """An anomaly opens once, may get worse and closes; then comes the next one."""
    if other["event"] == "open":
        follows = one["event"] == "close" and other["number"] == one["number"] + 1
    else:
        follows = one["event"] != "close" and other["anomaly_id"] == one["anomaly_id"]
    lasted_s = _seconds(other["closed"] or other["end"]) - _seconds(other["opened"])
    return not follows or other["index"] <= one["index"] or lasted_s <= 0.0


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
