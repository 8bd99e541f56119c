"""One plugin misbehaves beside 49 assets that are sound: those lose no window."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from waiting import wait_until

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]

HEALTHY = [f"pump-{i:02}" for i in range(1, 50)]
PERIOD_S = 2.0
WATCHED_S = 12.0
WINDOW_S = 256 / 1024.0

IN_A_THREAD = {
    "raises": "ZeroDivisionError: the plugin divides by zero",
    "exits": "SystemExit: 3",
    "hangs": "read has not returned for",
    "floods": "ahead of CLOCK_BOOTTIME",
    "runs_backwards": "allowed: time running on",
    "delivers_nan": "nan in channel x",
    "delivers_another_rate": "rate_hz 2048.0; allowed: 1024.0",
}
IN_A_PROCESS = {
    "segfaults": "the plugin's process died of SIGSEGV",
    "leaks": "allowed: 120; process ended",
    "hangs": "read has not returned for",
}


def test_49_assets_lose_no_window_beside_plugins_that_do_everything_wrong(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    """All kinds of trouble at once: each by itself is easier."""
    ears = subscribe(mosquitto.port)
    sound = f"real_time = true\nlength = {int(1024 * PERIOD_S)}\ninterval_s = {PERIOD_S}"
    bad = {f"bad-{how}": how for how in IN_A_THREAD}
    isolated = {f"isolated-{how}": how for how in IN_A_PROCESS}
    process = 'isolation = "process"'
    agent = start_agent(
        mosquitto.port,
        dict.fromkeys(HEALTHY, sound)
        | {name: f'how = "{how}"' for name, how in (bad | isolated).items()},
        plugins=dict.fromkeys(bad | isolated, "bad"),
        sensor=dict.fromkeys(bad, "deadline_s = 1.0")
        | dict.fromkeys(isolated, process)
        | {
            "isolated-hangs": f"{process}\ndeadline_s = 2.0",
            "isolated-leaks": f"{process}\nmemory_max_mb = 120",
        },
    )

    def fewest_windows() -> int:
        heard = Counter(message.topic for message in ears.of("/score"))
        return min(heard[f"edge/v1/gw-1/{name}/score"] for name in HEALTHY)

    assert wait_until(lambda: fewest_windows() >= WATCHED_S / WINDOW_S, look_s=0.5), agent.said()

    said = IN_A_THREAD | IN_A_PROCESS

    def unsaid() -> list[str]:
        return [
            name
            for name, how in (bad | isolated).items()
            if not any(said[how] in str(m.body["reason"]) for m in ears.of(f"/{name}/alarm"))
        ]

    assert wait_until(lambda: not unsaid()), (unsaid(), agent.said())

    status = [sys.executable, "-m", "edge_agent.cli.agent", "status", "--json", "--config"]

    def states() -> set[str]:
        shown = subprocess.run([*status, str(agent.config)], capture_output=True, check=True)
        assets = {asset["name"]: asset for asset in json.loads(shown.stdout)["assets"]}
        return {assets[name]["state"] for name in HEALTHY}

    assert wait_until(lambda: states() == {"running"}), states()
    assert agent.stop()[0] == 0, agent.said()
    for name in HEALTHY:
        scores = [heard.body for heard in ears.of(f"/{name}/score")]
        windows = len(scores)
        assert [score["index"] for score in scores] == list(range(windows))
        assert not any(score["gap"] for score in scores)
