"""A general bundle is commissioned by the running agent, or that is refused with the reason."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from waiting import wait_until

from edge_agent.bundle.overlay import read_overlay
from edge_agent.daemon.commissioning.overlays import Wanted

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]

_PACE = "interval_s = 0.02\nperiod_s = 0.25"


@pytest.fixture(autouse=True)
def general(bundle_file: Path, general_bundle: bytes) -> None:
    """Let every asset follow the general bundle."""
    bundle_file.write_bytes(general_bundle)


def cli(agent: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent.cli.agent", *arguments]
    return subprocess.run(
        [*command, "--config", str(agent.config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def asset_of(agent: Any) -> Any:
    said = cli(agent, "status", "--json")
    return json.loads(said.stdout)["assets"][0] if said.returncode == 0 else {}


def commissioned(agent: Any, *arguments: str) -> Any:
    """Commission pump-1 and return what the command printed."""
    assert wait_until(lambda: asset_of(agent).get("windows", 0) > 0), agent.said()
    said = cli(agent, "commission", "pump-1", "--json", *arguments)
    return said.returncode, json.loads(said.stdout or "null"), said.stderr


def test_an_asset_is_commissioned_and_scored_from_the_next_window_on(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": _PACE})
    assert wait_until(lambda: ears.of("/status")[-1:] and ears.of("/score")), agent.said()
    assert wait_until(lambda: asset_of(agent).get("state") == "commissioning"), agent.said()
    assert ears.of("/score")[0].body["reason"] == "commissioning"
    code, outcome, said = commissioned(agent, "--windows", "80")
    assert (code, outcome["refused"]) == (0, None), said
    assert wait_until(lambda: ears.of("/score")[-1].body["score"] is not None), agent.said()
    scores = [message.body for message in ears.of("/score")]
    first = next(i for i, score in enumerate(scores) if score["score"] is not None)
    assert {score["reason"] for score in scores[:first]} == {"commissioning"}
    assert all(score["score"] is not None for score in scores[first:])
    assert [score["index"] for score in scores] == list(range(len(scores)))
    assert wait_until(lambda: ears.of("/model")[-1].body["overlay"] == outcome["overlay"])
    assert ears.of("/model")[-1].body["begun"] == "warmed"
    overlay = read_overlay(agent.config.parent / "state" / "overlays" / "pump-1.json")
    assert overlay.digest == outcome["overlay"]
    assert overlay.healthy[1] - overlay.healthy[0] >= 80
    agent.stop(signal.SIGKILL)
    heard = len(ears.of("/score"))
    again = start_agent(mosquitto.port, {"pump-1": _PACE})
    assert wait_until(lambda: len(ears.of("/score")) > heard), again.said()
    assert wait_until(lambda: asset_of(again).get("model_overlay") == overlay.digest)
    assert wait_until(lambda: ears.of("/model")[-1].body["begun"] == "restored")


def test_a_machine_that_gets_louder_is_not_commissioned_and_says_why(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe, bundle_file: Path
) -> None:
    """What was asked for is on the disk: it is done after a restart, too.

    The machine never settles: one that stays as loud as it became is commissioned in the end.
    """
    ears = subscribe(mosquitto.port)
    overlays = bundle_file.with_name("state") / "overlays"
    overlays.mkdir(parents=True)
    wanted = Wanted(since=0, windows=300, by="somebody")
    (overlays / "pump-1.wanted").write_bytes(msgspec.json.encode(wanted))
    agent = start_agent(mosquitto.port, {"pump-1": f"{_PACE}\ngrowth = 0.003"})
    assert wait_until(
        lambda: any("refused: " in (m.body["reason"] or "") for m in ears.of("/alarm"))
    ), agent.said()
    said = next(m.body for m in ears.of("/alarm") if "refused: " in (m.body["reason"] or ""))
    assert said["data"] == "commissioning"
    assert said["reason"].startswith("refused: trend: ")
    assert wait_until(lambda: "trend: " in str(asset_of(agent)["commissioning"]["refused"]))
    assert wait_until(lambda: "not commissioned: trend: " in agent.said())
    assert not list(overlays.glob("*.json"))


def test_a_calibrated_bundle_cannot_be_commissioned(
    mosquitto: Any, start_agent: StartAgent, bundle_file: Path, samples_bundle: bytes
) -> None:
    bundle_file.write_bytes(samples_bundle)
    agent = start_agent(mosquitto.port, {"pump-1": _PACE})
    code, _, said = commissioned(agent)
    assert code == 77
    assert "is calibrated, allowed: a general bundle" in said


def test_a_new_general_bundle_is_commissioned_from_the_windows_of_then(
    mosquitto: Any,
    start_agent: StartAgent,
    subscribe: Subscribe,
    bundle_file: Path,
    renamed_general: bytes,
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": _PACE})
    code, first, said = commissioned(agent, "--windows", "80")
    assert code == 0, said
    before = read_overlay(agent.config.parent / "state" / "overlays" / "pump-1.json")
    bundle_file.write_bytes(renamed_general)
    agent.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: ears.of("/model")[-1].body["version"] == "2.0.0"), agent.said()
    model = ears.of("/model")[-1].body
    overlay = read_overlay(agent.config.parent / "state" / "overlays" / "pump-1.json")
    assert (overlay.healthy, overlay.digest) == (before.healthy, model["overlay"])
    assert wait_until(lambda: ears.of("/score")[-1].body["model_sha256"] == model["sha256"])
    scores = [m.body for m in ears.of("/score")]
    assert [score["index"] for score in scores] == list(range(len(scores)))
    reasons = [score["reason"] for score in scores]
    assert "commissioning" not in reasons[reasons.index(None) :], first


@pytest.fixture
def renamed_general(general_bundle: bytes) -> bytes:
    """The general bundle with another network of the same form, version 2.0.0."""
    from edge_agent.bundle import Bundle, encode_bundle

    bundle = Bundle.decode(general_bundle)
    assert bundle.model is not None
    manifest = msgspec.structs.replace(bundle.manifest, version="2.0.0", members={})
    return encode_bundle(manifest, bundle.model + b"\x00" * 4, bundle.golden)
