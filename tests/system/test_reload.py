"""SIGHUP: a changed configuration under a running agent, with a real broker."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from waiting import wait_until

from benchmarks.torture.samples import other_version

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]

QUICK = "interval_s = 0.02"


def asset(name: str, options: str = QUICK, more: str = "") -> str:
    return f"""
[[asset]]
name = "{name}"
bundle = "samples.edgemodel"
{more}
[asset.sensor]
plugin = "bench"
[asset.sensor.options]
{options}
"""


def head(port: int, more: str = "", gateway: str = "gw-1") -> str:
    metrics = '[metrics]\nlisten = "127.0.0.1:0"\n'
    return f'gateway = "{gateway}"\nstate_dir = "state"\n{metrics}[mqtt]\nport = {port}\n{more}\n'


def reload(agent: Any, config: str) -> None:
    agent.config.write_text(config)
    agent.process.send_signal(signal.SIGHUP)


def scores(ears: Any, name: str) -> list[dict[str, Any]]:
    return [m.body for m in ears.of(f"/{name}/score")]


def test_what_did_not_change_loses_no_window_and_what_is_gone_leaves_no_message(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, dict.fromkeys(("same", "gone", "other"), QUICK))
    assert wait_until(lambda: all(len(scores(ears, n)) > 12 for n in ("same", "gone", "other")))
    config = head(mosquitto.port)
    config += asset("new") + asset("same") + asset("other", "interval_s = 0.03")
    reload(agent, config)
    assert wait_until(lambda: len(scores(ears, "new")) > 12), agent.said()
    assert wait_until(lambda: any(s["gap"] for s in scores(ears, "other")))
    n_gone, n_same = len(scores(ears, "gone")), len(scores(ears, "same"))
    assert wait_until(lambda: len(scores(ears, "same")) > n_same + 12)
    assert len(scores(ears, "gone")) == n_gone
    done = "1 asset as before; beginning with new, other; no more gone"
    assert wait_until(lambda: done in agent.said())
    assert wait_until(lambda: {a["name"] for a in ears.of("/status")[-1].body["assets"]} == NAMES)
    (session,) = {m.body["session"] for m in ears.of("/status")}

    same, other = scores(ears, "same"), scores(ears, "other")
    for heard in (same, other):
        assert [s["index"] for s in heard] == list(range(len(heard)))
        assert [s["seq"] for s in heard] == list(range(len(heard)))
        assert {s["session"] for s in heard} == {session}
    assert not any(s["gap"] for s in same)
    # Its flow went on: the first window after the change is behind a gap, but no new beginning.
    assert [s["gap"] for s in other].count(True) == 1
    late = subscribe(mosquitto.port)
    assert wait_until(lambda: len({m.topic for m in late.heard if m.retained}) == 7)
    assert not [m.topic for m in late.heard if m.retained and "/gone/" in m.topic]
    assert agent.stop()[0] == 0


NAMES = {"new", "same", "other"}


def test_a_bad_file_changes_nothing_and_every_problem_is_told(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: len(scores(ears, "pump-1")) > 2)
    good = agent.config.read_text()
    bad = head(mosquitto.port, "colour = 1", gateway="gw-2")
    bad += asset("pump-1", "interval_s = 'soon'") + asset("pump-2", more="threshold = 3.0")
    reload(agent, bad)
    assert wait_until(lambda: "going on with the configuration as it was" in agent.said())
    told = ("colour", "interval_s", "threshold", "4 problems")
    assert wait_until(lambda: all(word in agent.said() for word in told)), agent.said()
    n = len(scores(ears, "pump-1"))
    agent.config.write_text(good)  # so that status finds the agent; nobody has asked for a reload
    assert wait_until(lambda: reload_of(agent) is not None)
    last = reload_of(agent)
    assert last is not None
    assert (last["accepted"], len(last["problems"])) == (False, 4)
    assert wait_until(lambda: len(scores(ears, "pump-1")) > n + 2)

    reload(agent, good)
    assert wait_until(lambda: "configuration changed: 1 asset as before" in agent.said())
    assert wait_until(lambda: (reload_of(agent) or {}).get("accepted"))
    heard = scores(ears, "pump-1")
    assert [s["index"] for s in heard] == list(range(len(heard)))
    assert len({m.body["session"] for m in ears.heard if "session" in m.body}) == 1


def judged_anew(ears: Any, name: str, beyond: int) -> bool:
    heard = scores(ears, name)
    return len(heard) > beyond and len({s["model_sha256"] for s in heard}) == 2


def reload_of(agent: Any) -> dict[str, Any] | None:
    command = [sys.executable, "-m", "edge_agent.cli.agent", "status", "--json"]
    said = subprocess.run(
        [*command, "--config", str(agent.config)], capture_output=True, text=True, check=False
    )
    report: dict[str, Any] = json.loads(said.stdout) if said.returncode == 0 else {}
    found: dict[str, Any] | None = report.get("reload")
    return found


def test_another_bundle_at_the_same_path_scores_on_without_losing_a_window(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe, samples_bundle: bytes
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": QUICK, "pump-2": QUICK})
    assert wait_until(lambda: all(len(scores(ears, n)) > 25 for n in NEIGHBOURS))
    bundle = agent.config.with_name("samples.edgemodel")
    bundle.write_bytes(b"no bundle")
    agent.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "going on with the configuration as it was" in agent.said())
    bundle.write_bytes(other_version(samples_bundle, 1))
    agent.process.send_signal(signal.SIGHUP)
    done = "0 assets as before; another model for pump-1, pump-2"
    assert wait_until(lambda: done in agent.said()), agent.said()
    for name in NEIGHBOURS:
        n = len(scores(ears, name))
        assert wait_until(partial(judged_anew, ears, name, n + 20)), agent.said()
    for name in NEIGHBOURS:
        heard = scores(ears, name)
        assert [s["index"] for s in heard] == list(range(len(heard)))
        assert not any(s["gap"] for s in heard)
        assert [s["reason"] for s in heard[10:]] == [None] * (len(heard) - 10)
        digests = [s["model_sha256"] for s in heard]
        assert len(set(digests)) == 2
        assert digests == sorted(digests, key=[digests[0], digests[-1]].index)
    models = [m.body for m in ears.of("/pump-1/model")]
    assert [model["begun"] for model in models] == ["empty", "warmed"]
    assert agent.stop()[0] == 0


NEIGHBOURS = ("pump-1", "pump-2")


def test_what_was_removed_while_no_agent_ran_leaves_no_message_either(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"gone": QUICK, "same": QUICK})
    assert wait_until(lambda: scores(ears, "gone") and scores(ears, "same"))
    assert agent.stop()[0] == 0
    agent = start_agent(mosquitto.port, {"same": QUICK})
    assert wait_until(lambda: all(cleared(ears, f"/gone/{kind}") for kind in ("alarm", "model")))
    late = subscribe(mosquitto.port)
    assert wait_until(lambda: len({m.topic for m in late.heard if m.retained}) == 3)
    assert not [m.topic for m in late.heard if m.retained and "/gone/" in m.topic]


def cleared(ears: Any, topic: str) -> bool:
    heard = ears.of(topic)
    return bool(heard) and not heard[-1].body


def test_what_only_a_restart_can_change_is_refused(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    ears = subscribe(mosquitto.port)
    assert wait_until(lambda: scores(ears, "pump-1"))
    reload(agent, head(mosquitto.port, 'root = "edge/v2"', gateway="gw-2") + asset("pump-1"))
    refused = '"gw-2"; allowed: "gw-1" until the agent is started anew'
    assert wait_until(lambda: refused in agent.said())
    refused_too = 'found "edge/v2"; allowed: "edge/v1" until'
    assert wait_until(lambda: refused_too in agent.said())


def test_another_broker_is_gone_over_to_and_the_old_one_knows(
    make_mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    first, second = (make_mosquitto("allow_anonymous true") for _ in range(2))
    old, new = subscribe(first.port), subscribe(second.port)
    agent = start_agent(first.port, {"pump-1": QUICK})
    assert wait_until(lambda: len(scores(old, "pump-1")) > 5)
    reload(agent, head(second.port) + asset("pump-1"))
    assert wait_until(lambda: len(scores(new, "pump-1")) > 5), agent.said()
    assert wait_until(lambda: old.of("/status")[-1].body["reason"] == "reconfigured")
    assert wait_until(lambda: new.of("/status")[-1].body["state"] == "online")

    def missing() -> set[int]:
        seen = {s["index"] for s in scores(old, "pump-1") + scores(new, "pump-1")}
        return set(range(max(seen) + 1)) - seen

    assert wait_until(lambda: not missing()), missing()  # what was in flight is sent again
    kinds = {"model", "alarm", "status"}
    assert wait_until(lambda: {m.topic.rpartition("/")[2] for m in new.heard} >= kinds)
