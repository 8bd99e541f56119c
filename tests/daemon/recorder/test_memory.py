"""A flow that goes on after a kill is bit-equal to one that was never disturbed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.daemon.config.settings import RecorderSettings
from edge_agent.daemon.outbox import Mark
from edge_agent.daemon.recorder import Layout, Recorder, layout_of
from edge_agent.daemon.recorder.memory import Memory
from edge_agent.daemon.recorder.rows import make_row
from edge_agent.daemon.resumption import Left, Resumption
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.window import Window

Vibration = Callable[..., NDArray[np.float32]]

IDENTITY = "a" * 64
CLOCK = "boot-1"
PERIOD_NS = 250_000_000
LENGTH = 256


@pytest.fixture(scope="module")
def signal(vibration: Vibration) -> NDArray[np.float32]:
    """A machine seen with 1 g of gravity: it runs, rests, fails and loses its sensor."""
    windows = vibration(120, seed=5).reshape(-1, LENGTH, 1) + np.float32(1.0)
    windows[50:54] = 1.0 + vibration(4, 0.001, seed=6).reshape(-1, LENGTH, 1)  # at rest
    windows[60:63] = 0.5  # a flat line
    windows[64:66] -= np.float32(1.0)  # the bias is lost
    windows[70:76] = 1.0 + vibration(6, 1.0, seed=7).reshape(-1, LENGTH, 1)
    return windows


def window(signal: NDArray[np.float32], i: int) -> Window:
    offset_ns = 5_000_000_000 if i >= 40 else 0  # somebody set the clock
    start_ns = 10**18 + i * PERIOD_NS + offset_ns
    end_ns = start_ns + PERIOD_NS
    return Window(signal[i], start_ns, end_ns, gap=i == 30, clipped=False, utc_offset_ns=offset_ns)


class Life:
    """One asset of an agent: what it would put on the disk, and where it was killed."""

    def __init__(self, folder: Path, make: Callable[[], Flow], layout: Layout) -> None:
        self.recorder = Recorder(folder, RecorderSettings(max_mb=0.1))
        self.make, self.layout = make, layout
        self.mark: Mark | None = None
        self.saved: Left | None = None
        self.results: list[WindowResult] = []

    def run(self, flow: Flow, signal: Any, first: int, end: int, save_at: int = -1) -> Flow:
        """Judge the windows [first, end); a row, and a mark after it, for each."""
        for i in range(first, end):
            result = flow.push_window(window(signal, i))
            self.results.append(result)
            self.recorder.write(make_row(self.layout, result, CLOCK))
            self.mark = Mark(
                model_id=IDENTITY,
                clock=CLOCK,
                last_start_ns=result.steady_ns,
                flow=flow.mark(),
            )
            if i == save_at:
                self.saved = Left(IDENTITY, flow.state(), CLOCK, result.steady_ns)
        return flow

    def killed(self, identity: str = IDENTITY) -> Any:
        """Begin again with what is on the disk."""
        again = Recorder(self.recorder.folder, RecorderSettings(max_mb=0.1))
        resumption = Resumption("pump-1", identity, self.make, Memory(again, self.layout))
        return resumption.after_restart(self.saved, self.mark)


@pytest.fixture
def life(tmp_path: Path, flow_spec: FlowSpec, model: Model, manifest: Any) -> Life:
    layout = layout_of("pump-1", "bench", manifest)
    return Life(tmp_path / "recorder", lambda: Flow(flow_spec, model), layout)


def begun(life: Life) -> Flow:
    life.recorder.watch("pump-1", None)
    flow = life.make()
    life.saved = Left(IDENTITY, flow.state(), "", 0)
    return flow


def encoded(flow: Flow) -> bytes:
    return msgspec.msgpack.encode(flow.state())


@given(save_at=st.integers(-1, 110), kill_at=st.integers(1, 119))
@settings(max_examples=25, deadline=None)
def test_after_a_kill_the_state_is_bit_equal_to_the_undisturbed_one(
    tmp_path_factory: pytest.TempPathFactory,
    signal: NDArray[np.float32],
    flow_spec: FlowSpec,
    model: Model,
    manifest: Any,
    save_at: int,
    kill_at: int,
) -> None:
    layout = layout_of("pump-1", "bench", manifest)
    life = Life(tmp_path_factory.mktemp("life"), lambda: Flow(flow_spec, model), layout)
    flow = life.run(begun(life), signal, 0, kill_at, save_at)
    resumed = life.killed()
    assert resumed.begun == "restored"
    assert encoded(resumed.flow) == encoded(flow)
    assert life.mark is not None
    assert (resumed.clock, resumed.last_start_ns) == (CLOCK, life.mark.last_start_ns)


def test_the_signal_of_these_tests_shows_what_a_window_can_be(
    life: Life, signal: NDArray[np.float32]
) -> None:
    life.run(begun(life), signal, 0, 120)
    reasons = {result.reason for result in life.results}
    assert reasons == {None, "washout", "gap", "idle", "sensor_fault"}
    assert {event.kind for r in life.results if (event := r.event) is not None} >= {"open", "close"}
    assert any("bias lost" in (result.detail or "") for result in life.results)


def test_a_row_that_a_kill_left_beyond_the_mark_is_left_aside(
    life: Life, signal: NDArray[np.float32]
) -> None:
    flow = life.run(begun(life), signal, 0, 80, save_at=20)
    mark, state = life.mark, encoded(flow)
    life.run(flow, signal, 80, 83)  # recorded, but the commit with the marks was not
    life.mark = mark
    assert encoded(life.killed().flow) == state


def test_a_torn_row_is_a_gap_and_nothing_more(life: Life, signal: NDArray[np.float32]) -> None:
    life.run(begun(life), signal, 0, 80, save_at=20)
    (file,) = life.recorder.folder.iterdir()
    row_bytes = life.layout.dtype.itemsize
    offset = file.stat().st_size - life.recorder.capacity(life.layout) * row_bytes
    with file.open("r+b") as opened:
        opened.seek(offset + 40 * row_bytes + 10)
        opened.write(b"\xff\xff\xff")
    resumed = life.killed()
    assert resumed.begun == "restored"
    assert resumed.flow.index == 80


def test_without_a_mark_the_recorder_says_how_far_it_came(
    life: Life, signal: NDArray[np.float32]
) -> None:
    life.run(begun(life), signal, 0, 80, save_at=20)
    life.mark = None
    resumed = life.killed()
    assert (resumed.begun, resumed.flow.index) == ("restored", 80)
    assert resumed.last_start_ns == 10**18 + 79 * PERIOD_NS


def test_without_a_recorder_it_goes_on_from_the_state_and_the_mark(
    life: Life, signal: NDArray[np.float32]
) -> None:
    life.run(begun(life), signal, 0, 80, save_at=20)
    (file,) = life.recorder.folder.iterdir()
    file.write_bytes(b"gone")
    resumed = life.killed()
    assert (resumed.begun, resumed.flow.index, resumed.flow.broken) == ("restored", 80, True)


def test_another_bundle_is_washed_in_by_the_windows_before_and_counts_on(
    life: Life, signal: NDArray[np.float32]
) -> None:
    life.run(begun(life), signal, 0, 100)
    resumed = life.killed("b" * 64)
    assert (resumed.begun, resumed.flow.index) == ("warmed", 100)
    assert resumed.flow.push_window(window(signal, 100)).score is not None


def test_a_bundle_of_other_features_is_not_washed_in_by_vectors_it_does_not_know(
    life: Life, signal: NDArray[np.float32], tmp_path: Path
) -> None:
    life.run(begun(life), signal, 0, 100)
    life.layout = msgspec.structs.replace(
        life.layout, features=life.layout.features[::-1], feature_hash="1" * 64
    )
    resumed = life.killed("b" * 64)
    assert (resumed.begun, resumed.flow.index) == ("empty", 100)


def test_within_a_run_nothing_has_to_be_read(life: Life, signal: NDArray[np.float32]) -> None:
    flow = life.run(begun(life), signal, 0, 100)
    left = Left(IDENTITY, flow.state(), CLOCK, 7)
    memory = Memory(life.recorder, life.layout)
    same = Resumption("pump-1", IDENTITY, life.make, memory).within_run(left)
    assert encoded(same.flow) == encoded(flow)
    other = Resumption("pump-1", "b" * 64, life.make, memory).within_run(left)
    assert (other.begun, other.flow.index, other.clock) == ("warmed", 100, CLOCK)
