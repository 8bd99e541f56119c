"""The wall clock is set under a running agent: windows stay whole, and the step is told."""

import datetime as dt
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]

_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
HOUR_S = 3600
YEAR_S = 365 * 24 * HOUR_S
LIVE = "real_time = true\ninterval_s = 0.25"


class Clock:
    """A wall clock that can be set; only CLOCK_REALTIME of whoever has its environment."""

    def __init__(self, folder: Path) -> None:
        if not _LIBRARIES:
            pytest.skip("libfaketime is not installed")
        self._file = folder / "faketime"
        self.set_by(0)

    def set_by(self, seconds: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_LIBRARIES[0]),
            "DONT_FAKE_MONOTONIC": "1",  # and CLOCK_BOOTTIME with it
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
        }


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


def moment(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def scores(ears: Any) -> list[dict[str, Any]]:
    return [heard.body for heard in ears.of("/pump-1/score")]


def test_what_stands_in_for_a_step_leaves_the_other_clocks_alone(clock: Clock) -> None:
    script = "import time; print(time.time(), time.monotonic(), time.clock_gettime(7))"
    clock.set_by(HOUR_S)
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **clock.environment},
        capture_output=True,
        check=True,
    )
    wall_s, monotonic_s, boot_s = (float(number) for number in found.stdout.split())
    assert wall_s - time.time() == pytest.approx(HOUR_S, abs=60.0)
    assert monotonic_s == pytest.approx(time.monotonic(), abs=60.0)
    assert boot_s == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=60.0)


@pytest.mark.parametrize("by_s", [HOUR_S, -HOUR_S, YEAR_S, -YEAR_S])
def test_a_step_of_the_wall_clock_breaks_no_window(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe, clock: Clock, by_s: int
) -> None:
    ears = subscribe(mosquitto.port)
    loud = f"{LIVE}\nloud_from = 16\nquiet_from = 28"
    agent = start_agent(mosquitto.port, {"pump-1": loud}, **clock.environment)
    assert wait_until(lambda: ears.of("/anomaly")), agent.said()
    before = len(scores(ears))
    clock.set_by(by_s)
    assert wait_until(lambda: ears.of("/anomaly")[-1].body["event"] == "close"), agent.said()
    assert wait_until(lambda: len(scores(ears)) > before + 8)
    assert wait_until(lambda: ears.of("/status")[-1].body["clock_stepped"])

    found = scores(ears)
    assert [score["index"] for score in found] == list(range(len(found)))
    assert not any(score["gap"] for score in found)
    assert all(score["score"] is not None for score in found[10:])
    assert len({score["id"] for score in found}) == len(found)
    assert [score["seq"] for score in found] == list(range(len(found)))
    for score in found:
        assert moment(score["end"]) - moment(score["start"]) == pytest.approx(0.25, abs=1e-5)
    steps = [moment(b["start"]) - moment(a["start"]) for a, b in itertools.pairwise(found)]
    jumps = [step for step in steps if abs(step - 0.25) > 0.01]
    assert jumps == [pytest.approx(by_s + 0.25, abs=0.2)]

    events = [heard.body for heard in ears.of("/anomaly")]
    first, last = events[0], events[-1]
    assert (first["event"], last["event"]) == ("open", "close")
    assert len({event["anomaly_id"] for event in events}) == 1
    lasted_s = moment(last["closed"]) - moment(last["opened"])
    assert lasted_s == pytest.approx(0.25 * (last["index"] - first["index"] + 1), abs=0.01)

    stepped = ears.of("/status")[-1].body["clock_stepped"]
    assert (stepped["by_s"], stepped["count"]) == (pytest.approx(by_s, abs=0.2), 1)
    direction = "forward" if by_s > 0 else "back"
    assert f"the clock was set {direction} by " in agent.said()
    command = [sys.executable, "-m", "edge_agent.cli.agent", "status", "--json", "--config"]

    def shown() -> Any:
        asked = subprocess.run([*command, str(agent.config)], capture_output=True, check=True)
        return json.loads(asked.stdout)["clock_stepped"]

    assert wait_until(shown)  # its report is written every few seconds
    assert shown()["count"] == 1
    assert agent.stop()[0] == 0


@pytest.mark.parametrize("by_s", [HOUR_S, -YEAR_S])
def test_a_restart_across_a_step_goes_on_in_order_and_repeats_no_id(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe, clock: Clock, by_s: int
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": LIVE}, **clock.environment)
    assert wait_until(lambda: len(scores(ears)) > 12), agent.said()
    assert agent.stop()[0] == 0
    session = scores(ears)[0]["session"]
    clock.set_by(by_s)
    agent = start_agent(mosquitto.port, {"pump-1": LIVE}, **clock.environment)

    def after() -> list[dict[str, Any]]:
        return [score for score in scores(ears) if score["session"] != session]

    assert wait_until(lambda: len(after()) > 4), agent.said()
    assert agent.stop()[0] == 0
    found = scores(ears)
    before = next(i for i, score in enumerate(found) if score["session"] != session)
    assert [score["index"] for score in found] == list(range(len(found)))
    assert [score["index"] for score in found if score["gap"]] == [before]
    assert [score["reason"] for score in found[before:]] == ["gap"] + [None] * (
        len(found) - before - 1
    )
    assert len({score["id"] for score in found}) == len(found)
