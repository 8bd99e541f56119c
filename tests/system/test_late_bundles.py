"""Bundles that are missing or damaged when the agent starts, and come while it runs."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]

QUICK = "interval_s = 0.02"


def asset(name: str) -> str:
    return f"""
[[asset]]
name = "{name}"
bundle = "../{name}.edgemodel"
[asset.sensor]
plugin = "bench"
[asset.sensor.options]
{QUICK}
"""


@pytest.fixture
def late(bundle_file: Path) -> Path:
    """The bundle of asset "late", which is not there; its configuration is in config.d."""
    (bundle_file.parent / "config.d").mkdir()
    bundle_file.parent.joinpath("config.d", "late.toml").write_text(asset("late"))
    return bundle_file.with_name("late.edgemodel")


def indices(ears: Any, name: str) -> list[int]:
    return [m.body["index"] for m in ears.of(f"/{name}/score")]


def states(ears: Any, name: str) -> list[tuple[str, str | None]]:
    return [(m.body["data"], m.body["reason"]) for m in ears.of(f"/{name}/alarm")]


@pytest.mark.parametrize("end", [None, -9], ids=["missing", "damaged"])
def test_an_asset_is_scored_once_its_bundle_has_come_and_the_others_all_the_time(
    mosquitto: Any,
    start_agent: StartAgent,
    subscribe: Subscribe,
    bundle_file: Path,
    late: Path,
    end: int | None,
) -> None:
    if end is not None:
        late.write_bytes(bundle_file.read_bytes()[:end])
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: len(indices(ears, "pump-1")) > 12), agent.said()
    assert wait_until(lambda: states(ears, "late")[-1][0] == "failed")
    assert "late.edgemodel: " in str(states(ears, "late")[-1][1])

    new = late.with_suffix(".new")
    new.write_bytes(bundle_file.read_bytes())
    new.replace(late)
    assert wait_until(lambda: len(indices(ears, "late")) > 12), agent.said()
    assert wait_until(lambda: states(ears, "late")[-1] == ("running", None))
    for name in ("pump-1", "late"):
        heard = indices(ears, name)
        assert heard == list(range(len(heard)))
    assert "Traceback" not in agent.said()
    assert agent.stop()[0] == 0


def test_an_agent_that_can_score_nothing_waits_and_says_so(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe, bundle_file: Path
) -> None:
    content = bundle_file.read_bytes()
    bundle_file.unlink()
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: states(ears, "pump-1")[-1][0] == "failed"), agent.said()
    bundle_file.write_bytes(content)
    assert wait_until(lambda: len(indices(ears, "pump-1")) > 3), agent.said()
    assert agent.stop()[0] == 0


def test_an_agent_that_is_to_end_with_its_data_ends_where_nothing_can_be_scored(
    mosquitto: Any, start_agent: StartAgent, bundle_file: Path
) -> None:
    bundle_file.write_bytes(bundle_file.read_bytes()[:-9])
    agent = start_agent(mosquitto.port, {"pump-1": QUICK}, arguments=("--end-with-data",))
    assert agent.process.wait(120) == 69
    assert f"no asset can be scored: {bundle_file}: " in agent.said()
    assert "Traceback" not in agent.said()


@pytest.mark.usefixtures("late")
def test_a_reload_accepts_what_is_missing_since_the_start_and_nothing_else(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: len(indices(ears, "pump-1")) > 2), agent.said()
    agent.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "configuration changed: 1 asset as before" in agent.said())

    further = agent.config.parent / "config.d" / "never.toml"
    further.write_text(asset("never"))
    agent.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "going on with the configuration as it was" in agent.said())
    assert wait_until(lambda: "never.edgemodel, where there is no file" in agent.said())
    n = len(indices(ears, "pump-1"))
    assert wait_until(lambda: len(indices(ears, "pump-1")) > n)
