"""Assets that follow one bundle share what it loaded, and nothing of each other."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import Bundle
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
