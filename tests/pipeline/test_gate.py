import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.pipeline.gate import Gate, GateSpec

S = 1_000_000_000
SPEC = GateSpec(features=(0, 2), idle_levels=(0.5, 0.25), limit_s=100.0)


def vector(first: float, second: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([first, 1e9, second], np.float32)


def test_a_machine_is_idle_only_where_every_level_is_low() -> None:
    gate = Gate(SPEC)

    assert gate.is_idle(vector(0.4, -0.2), 0)
    assert not gate.is_idle(vector(0.4, 0.3), S)
    assert not gate.is_idle(vector(-0.6, 0.2), 2 * S)
    assert not gate.is_idle(vector(0.5, 0.2), 3 * S)


@given(levels=st.lists(st.floats(0.5, 1e6, width=32), min_size=1, max_size=30))
def test_a_rising_level_never_gates(levels: list[float]) -> None:
    gate = Gate(SPEC)

    assert not any(gate.is_idle(vector(x, x), i * S) for i, x in enumerate(sorted(levels)))


def test_without_a_spec_nothing_is_gated() -> None:
    assert not Gate(None).is_idle(vector(0.0, 0.0), 0)


def test_gating_ends_after_its_limit_until_the_machine_has_run() -> None:
    gate = Gate(SPEC)
    still = vector(0.0, 0.0)

    assert [gate.is_idle(still, t * S) for t in (0, 50, 100, 101, 5000)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert not gate.is_idle(vector(1.0, 1.0), 5001 * S)
    assert gate.is_idle(still, 5002 * S)


def test_a_clock_set_back_does_not_lengthen_gating() -> None:
    gate = Gate(SPEC)
    still = vector(0.0, 0.0)
    year = 365 * 86400
    assert gate.is_idle(still, year * S)

    assert gate.is_idle(still, 0)
    assert not gate.is_idle(still, 101 * S)


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": [], "idle_levels": []},
        {"idle_levels": [0.5]},
        {"idle_levels": [0.5, 1e39]},
        {"limit_s": -1.0},
    ],
)
def test_a_gate_that_would_never_or_always_close_is_refused(wrong: dict[str, object]) -> None:
    given_spec = msgspec.to_builtins(SPEC) | wrong

    with pytest.raises(msgspec.ValidationError, match=f"gate.{next(iter(wrong))}"):
        msgspec.convert(given_spec, GateSpec)
