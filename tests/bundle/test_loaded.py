"""Assets that follow one bundle share what it loaded, and nothing of each other."""

import dataclasses

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import Bundle
from edge_agent.calibration.budget import BudgetError
from edge_agent.pipeline.budget import BudgetPoint, BudgetSpec, Lane
from edge_agent.pipeline.window import Window

History = tuple[NDArray[np.float32], NDArray[np.float32]]


def window(samples: NDArray[np.float32], i: int) -> Window:
    return Window(samples[i], i, i + 1, gap=False, clipped=False)


def test_assets_that_take_turns_are_judged_as_if_alone(
    samples_bundle: bytes, history: History
) -> None:
    windows = history[0]
    others = np.ascontiguousarray(windows[::-1])
    bundle = Bundle.decode(samples_bundle)
    alone = bundle.load().flow()
    loaded = bundle.load()
    first, second = loaded.flow(), loaded.flow()

    for i in range(len(windows)):
        together = first.push_window(window(windows, i))
        second.push_window(window(others, i))
        expected = alone.push_window(window(windows, i))
        assert (together.score, together.level_score) == (expected.score, expected.level_score)
        assert together.vector is not None
        assert expected.vector is not None
        assert np.array_equal(together.vector, expected.vector)
        assert together.anomaly == expected.anomaly


def test_what_is_kept_of_a_window_is_not_in_shared_memory(
    samples_bundle: bytes, history: History
) -> None:
    windows = history[0]
    loaded = Bundle.decode(samples_bundle).load()
    kept = loaded.flow().push_window(window(windows, 0))
    assert kept.vector is not None
    assert kept.bias is not None
    vector, bias = kept.vector.copy(), kept.bias.copy()

    loaded.flow().push_window(window(windows, 35))

    assert np.array_equal(kept.vector, vector)
    assert np.array_equal(kept.bias, bias)


def test_a_bundle_for_another_budget_has_its_thresholds_and_is_otherwise_the_same(
    samples_bundle: bytes,
) -> None:
    loaded = Bundle.decode(samples_bundle).load()
    curve = tuple(
        BudgetPoint(margin=margin, expected=expected, low=expected / 4, high=3 * expected)
        for margin, expected in ((0.5, 20.0), (2.0, 0.2))
    )
    budget = BudgetSpec(
        asked=None,
        point=curve[0],
        supported=1.0,
        bound=3.0,
        healthy_days=30.0,
        healthy_events=0,
        network=Lane(middle=0.0, width=1.0, logarithmic=True),
        level=Lane(middle=0.0, width=3.0, logarithmic=False),
        curve=curve,
    )
    flow = msgspec.structs.replace(loaded.manifest.flow, budget=budget)
    manifest = msgspec.structs.replace(loaded.manifest, flow=flow)
    with_rates = dataclasses.replace(loaded, manifest=manifest)

    found = with_rates.for_budget(2.0)

    assert found.flow().judge.threshold.value == pytest.approx(np.exp(1.25))
    assert found.sha256 == loaded.sha256
    assert with_rates.for_budget(None) is with_rates
    with pytest.raises(BudgetError, match=r"0\.1 events per month, allowed: 0\.2 or more"):
        with_rates.for_budget(0.1)
