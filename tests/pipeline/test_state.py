from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.pipeline.denoise import DenoiseSpec
from edge_agent.pipeline.dynamic import DynamicSpec
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.state import FlowState, Past, pack, unpack

N = 60
Results = list[tuple[WindowResult, list[float] | None]]


@pytest.fixture(scope="module")
def spec(features_flow_spec: FlowSpec) -> FlowSpec:
    """With everything that carries something from window to window."""
    return msgspec.structs.replace(features_flow_spec, denoise=DenoiseSpec(length=16, level=1))


@pytest.fixture(scope="module")
def vectors(history: tuple[NDArray[np.float32], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Healthy, faulty, healthy again; idle and missing ones among them."""
    healthy, faulty = history[1][:30], history[1][30:]
    mixed: NDArray[np.float32] = np.concatenate((healthy, faulty, healthy[:20]))
    mixed[[18, 19, 44]] = 1e-6
    mixed[23, 2] = np.nan
    return mixed


def run(flow: Flow, vectors: NDArray[np.float32], first: int = 0) -> Results:
    """Results without their arrays, and the shares."""
    results: Results = []
    for i, vector in enumerate(vectors, first):
        found = flow.push_vector(vector, i * 10**9, (i + 1) * 10**9, gap=i == 27)
        shares = None if found.shares is None else found.shares.tolist()
        assert found.vector is not None
        assert found.vector.tobytes() == vector.tobytes()
        results.append((_without_arrays(found), shares))
    return results


def _without_arrays(result: WindowResult) -> WindowResult:
    values = {name: getattr(result, name) for name in WindowResult.__slots__}
    return WindowResult(**(values | {"vector": None, "shares": None}))


@pytest.fixture(scope="module")
def undisturbed(spec: FlowSpec, model: Model, vectors: NDArray[np.float32]) -> Results:
    """What comes of ``vectors`` without a stop; everything that can happen does."""
    results = run(Flow(spec, model), vectors)
    reasons = {result.reason for result, _ in results}
    assert reasons == {None, "idle", "invalid", "gap", "washout"}
    assert {result.event.kind for result, _ in results if result.event} >= {"open", "close"}
    return results


@settings(max_examples=30)
@given(at=st.integers(0, N), again=st.integers(0, N))
def test_a_restored_flow_goes_on_bit_for_bit(
    spec: FlowSpec,
    model: Model,
    vectors: NDArray[np.float32],
    undisturbed: Results,
    at: int,
    again: int,
) -> None:
    found: Results = []
    flow = Flow(spec, model)
    for cut in (*sorted((at, again)), N):
        found += run(flow, vectors[len(found) : cut], len(found))
        saved = msgspec.msgpack.encode(flow.state())
        flow = Flow(spec, model)
        flow.restore(msgspec.msgpack.decode(saved, type=FlowState))

    assert found == undisturbed


@pytest.mark.parametrize("at", [3, 30, 47])
def test_a_flow_with_a_dynamic_threshold_goes_on_bit_for_bit(
    spec: FlowSpec, model: Model, vectors: NDArray[np.float32], at: int
) -> None:
    how = DynamicSpec(length=25, every=4, padding=2)
    moving = msgspec.structs.replace(
        spec,
        threshold=msgspec.structs.replace(spec.threshold, method="dynamic", dynamic=how),
    )
    expected = run(Flow(moving, model), vectors)
    flow = Flow(moving, model)
    found = run(flow, vectors[:at])
    saved = msgspec.msgpack.encode(flow.state())
    flow = Flow(moving, model)
    flow.restore(msgspec.msgpack.decode(saved, type=FlowState))

    assert found + run(flow, vectors[at:], at) == expected
    assert len({result.threshold for result, _ in expected}) > 5


def test_a_state_is_no_part_of_the_flow_that_it_was_taken_from(
    spec: FlowSpec, model: Model, vectors: NDArray[np.float32]
) -> None:
    flow = Flow(spec, model)
    run(flow, vectors[:35])
    state = flow.state()
    before = msgspec.msgpack.encode(state)

    run(flow, vectors[35:], 35)
    other = Flow(spec, model)
    other.restore(state)
    run(other, vectors[35:], 35)

    assert msgspec.msgpack.encode(state) == before


def test_a_washed_in_flow_agrees_with_one_that_never_stopped(
    flow_spec: FlowSpec, model: Model, history: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    healthy = np.concatenate((history[1][:30], history[1][:30]))
    undisturbed, washed_in = Flow(flow_spec, model), Flow(flow_spec, model)
    for i, vector in enumerate(healthy):
        undisturbed.push_vector(vector, i, i + 1)
    washed_in.warm_up(list(undisturbed.scorer.recent))
    assert washed_in.index == 0
    assert len(undisturbed.scorer.recent) == flow_spec.model.washout_vectors

    for i, vector in enumerate(history[1][5:40]):
        expected = undisturbed.push_vector(vector, i, i + 1)
        found = washed_in.push_vector(vector, i, i + 1)
        tolerance = flow_spec.model.washout_tolerance
        assert found.score == pytest.approx(expected.score, rel=tolerance)
        assert found.level_score == pytest.approx(expected.level_score, rel=tolerance)
        assert found.anomaly == expected.anomaly


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: {"recent": (Past(0, pack(np.zeros(3, np.float32))),)},
        lambda s: {"rules": {"network": s.rules["network"]}},
        lambda s: {"predictor": {"state": pack(np.zeros((1, 7), np.float32))}},
        lambda s: {"predictor": {"rows": pack(np.zeros((2, 11), np.float32))}},
        lambda s: {"predictor": {}},
        lambda s: {"level": pack(np.zeros(2))},
        lambda s: {"level": None},
        lambda s: {"denoiser": None},
        lambda s: {"denoiser": pack(np.zeros((2, 3), np.float32))},
        lambda s: {"level": msgspec.structs.replace(s.level, data=b"123")},
        lambda s: {"level": msgspec.structs.replace(s.level, dtype="|O")},
        lambda s: {"level": msgspec.structs.replace(s.level, dtype="rubbish")},
    ],
)
def test_a_state_of_another_bundle_is_refused(
    spec: FlowSpec,
    model: Model,
    vectors: NDArray[np.float32],
    spoil: Any,
) -> None:
    flow = Flow(spec, model)
    run(flow, vectors[:20])
    state = flow.state()

    with pytest.raises(ValueError, match=r"state|array|cannot reshape|buffer"):
        Flow(spec, model).restore(msgspec.structs.replace(state, **spoil(state)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_survive_packing_bit_for_bit(dtype: Any) -> None:
    odd = np.array([[0.1, -0.0, 1e-310], [np.inf, np.nan, 3.0]]).astype(dtype)[:, ::-1]

    again = unpack(pack(odd))

    assert again.dtype == odd.dtype
    assert again.tobytes() == odd.tobytes()
    again[0, 0] = 1.0


def test_a_rest_of_the_machine_is_no_part_of_what_washes_a_flow_in(
    flow_spec: FlowSpec, model: Model, history: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    plain, rested = Flow(flow_spec, model), Flow(flow_spec, model)
    past = [(i, vector) for i, vector in enumerate(history[1][:30])]
    broken = np.full_like(history[1][0], np.nan)
    rest = [(20, np.zeros_like(broken)), (21, broken)]
    plain.warm_up(past)
    rested.warm_up([*past[:20], *rest, *past[20:]])
    assert msgspec.msgpack.encode(rested.state()) == msgspec.msgpack.encode(plain.state())
