from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from edge_agent.bundle import Manifest
from edge_agent.daemon.config.settings import RecorderSettings
from edge_agent.daemon.outbox import Mark
from edge_agent.daemon.recorder import Recorder, layout_of
from edge_agent.daemon.recorder.memory import Memory
from edge_agent.daemon.resumption import Left, Resumed, Resumption
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.plugin import Block

Vibration = Callable[..., NDArray[np.float32]]
RATE_HZ, LENGTH = 1024.0, 256


@pytest.fixture
def alarmed(flow_spec: FlowSpec, model: Model, vibration: Vibration) -> Flow:
    """A flow after fifty windows, with an anomaly open."""
    flow = Flow(flow_spec, model)
    samples = np.concatenate((vibration(40, seed=5), vibration(10, 1.0, seed=6)))
    assert len(list(flow.push_block(Block(samples, 0, RATE_HZ, "g", ("x",))))) == 50
    assert flow.judge.anomalies.open is not None
    return flow


def left(flow: Flow, model_id: str = "a", clock: str = "source") -> Left:
    return Left(model_id, flow.state(), clock, 17)


def mark(flow: Flow, model_id: str = "a", clock: str = "source") -> Mark:
    return Mark(model_id=model_id, clock=clock, last_start_ns=18, flow=flow.mark())


@pytest.fixture
def resumed(
    flow_spec: FlowSpec, model: Model, manifest: Manifest, tmp_path: Path
) -> Callable[[str, Left | None, Mark | None], Resumed]:
    recorder = Recorder(tmp_path, RecorderSettings())
    memory = Memory(recorder, layout_of("pump-1", "bench", manifest))
    return lambda model_id, state, told: Resumption(
        "pump-1", model_id, lambda: Flow(flow_spec, model), memory
    ).after_restart(state, told)


Resume = Callable[[str, Left | None, Mark | None], Resumed]


def test_nothing_known_begins_empty(resumed: Resume) -> None:
    found = resumed("a", None, None)
    assert (found.begun, found.clock, found.flow.index) == ("empty", "", 0)


def test_the_same_bundle_goes_on_from_its_state_and_from_what_it_told_since(
    resumed: Resume, alarmed: Flow
) -> None:
    found = resumed("a", left(alarmed), None)
    assert (found.begun, found.last_start_ns) == ("restored", 17)
    assert found.flow.state() == alarmed.state()
    later = mark(alarmed)
    later = replace(later, flow=replace(later.flow, index=60))
    found = resumed("a", left(alarmed), later)
    assert (found.begun, found.last_start_ns, found.flow.index) == ("restored", 18, 60)
    assert found.flow.broken


@pytest.mark.parametrize("state", [True, False])
def test_another_bundle_after_a_restart_keeps_number_and_open_anomaly(
    resumed: Resume, alarmed: Flow, caplog: pytest.LogCaptureFixture, *, state: bool
) -> None:
    caplog.set_level("INFO")
    found = resumed("b", left(alarmed) if state else None, mark(alarmed))
    assert (found.begun, found.flow.index, found.last_start_ns) == ("empty", 50, 18)
    assert found.flow.judge.anomalies.open == alarmed.judge.anomalies.open
    assert any(rule.is_open for rule in found.flow.judge.rules.values())
    assert "under another bundle, with anomaly 1 open" in caplog.text


def test_state_from_before_another_bundle_judged_is_not_used(
    resumed: Resume, alarmed: Flow
) -> None:
    found = resumed("a", left(alarmed, "a"), mark(alarmed, "b"))
    assert (found.begun, found.flow.index, len(found.flow.scorer.recent)) == ("empty", 50, 0)


def test_the_mark_of_another_clock_forgets_times_of_the_former(
    resumed: Resume, alarmed: Flow
) -> None:
    alarmed.gate.idle_since_ns = 5
    found = resumed("a", left(alarmed), mark(alarmed, clock="boot 2"))
    assert (found.clock, found.flow.gate.idle_since_ns) == ("boot 2", None)
