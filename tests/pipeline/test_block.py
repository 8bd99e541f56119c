from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.pipeline.block import Conformer, InputError, InputSpec, mismatches
from edge_agent.plugin import Block

RIGHT: dict[str, Any] = {
    "kind": "samples",
    "channels": ["x", "y"],
    "rate_hz": 1000.0,
    "unit": "g",
    "length": 256,
    "hop": 128,
    "period_s": None,
}
SPEC = msgspec.convert(RIGHT, InputSpec)


def block(
    channels: tuple[str, ...] = ("x", "y"),
    rate_hz: float | None = 1000.0,
    unit: str | None = "g",
) -> Block:
    samples = np.arange(3 * len(channels), dtype=np.float32).reshape(3, -1)
    return Block(samples, 5, rate_hz, unit, channels, gap_before=True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"channels": []}, "input.channels"),
        ({"channels": ["x", "x"]}, "twice"),
        ({"rate_hz": 0.0}, "input.rate_hz"),
        ({"rate_hz": -1.0}, "input.rate_hz"),
        ({"period_s": 0.0}, "input.period_s"),
        ({"length": 0}, "input.length"),
        ({"length": 10**12}, "input.length"),
        ({"hop": 0}, "input.hop"),
        ({"kind": "pictures"}, "kind"),
        ({"kind": "features"}, "input.length"),
        ({"rates": 1}, "rates"),
    ],
)
def test_an_input_no_window_can_be_cut_from_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(RIGHT | wrong, InputSpec)


def test_windows_follow_each_other_by_the_period_or_by_the_hop() -> None:
    assert SPEC.window_period_s == 0.128
    assert msgspec.structs.replace(SPEC, period_s=600.0).window_period_s == 600.0
    assert msgspec.structs.replace(SPEC, rate_hz=None).window_period_s is None


def test_a_block_that_fits_passes_as_it_is() -> None:
    given = block()

    assert Conformer(SPEC).conform(given) is given


def test_channels_are_picked_by_name_in_the_bundles_order() -> None:
    conformed = Conformer(SPEC).conform(block(("y", "z", "x")))

    assert conformed.channels == ("x", "y")
    np.testing.assert_array_equal(conformed.samples, [[2, 0], [5, 3], [8, 6]])
    assert (conformed.start_ns, conformed.gap_before) == (5, True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (block(("x",)), r"channels: the source has \['x'\], the bundle needs also \['y'\]"),
        (block(rate_hz=1002.0), "rate_hz: the source has 1002.0, the bundle needs 1000"),
        (block(rate_hz=None), "rate_hz: the source has None"),
        (block(rate_hz=float("nan")), "rate_hz: the source has nan"),
        (block(unit="m/s2"), "unit: the source has 'm/s2', the bundle needs 'g'"),
        (block(unit=None), "unit: the source has None"),
    ],
)
def test_a_block_that_is_not_what_the_bundle_needs_is_refused(wrong: Block, said: str) -> None:
    conformer = Conformer(SPEC)
    conformer.conform(block())

    with pytest.raises(InputError, match=said):
        conformer.conform(wrong)


@pytest.mark.parametrize("shape", [(6,), (3, 3), (3, 2, 1)])
def test_a_block_of_another_shape_than_its_channels_is_refused(shape: tuple[int, ...]) -> None:
    wrong = Block(np.zeros(shape, np.float32), 0, 1000.0, "g", ("x", "y"))

    with pytest.raises(InputError, match="shape"):
        Conformer(SPEC).conform(wrong)


def test_samples_of_another_dtype_are_refused() -> None:
    wide = Block(np.ones((3, 2), np.float64), 0, 1000.0, "g", ("x", "y"))

    with pytest.raises(InputError, match="float64, allowed: float32"):
        Conformer(SPEC).conform(wide)


def test_everything_that_does_not_fit_is_said_at_once() -> None:
    assert len(mismatches(SPEC, channels=("z",), rate_hz=1.0, unit="V")) == 3


def test_a_crystal_that_is_slightly_off_fits() -> None:
    assert mismatches(SPEC, channels=("x", "y"), rate_hz=1000.9, unit="g") == []


def test_rate_and_unit_matter_only_where_the_bundle_states_them() -> None:
    open_minded = msgspec.structs.replace(SPEC, rate_hz=None, unit=None)
    table = msgspec.structs.replace(SPEC, kind="features", length=1, hop=1)

    for spec in (open_minded, table):
        assert mismatches(spec, channels=("x", "y"), rate_hz=5.0, unit="V") == []
