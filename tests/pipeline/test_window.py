from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.pipeline.block import InputError, InputSpec
from edge_agent.pipeline.window import Window, Windower
from edge_agent.plugin import Block

RATE_HZ = 1000.0
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000


def spec(length: int, hop: int, period_s: float | None = None) -> InputSpec:
    return InputSpec(
        kind="samples",
        channels=("x", "y"),
        rate_hz=RATE_HZ,
        unit="g",
        length=length,
        hop=hop,
        period_s=period_s,
    )


def numbered(first: int, n: int) -> NDArray[np.float32]:
    """Samples that are their own number, and its negative in the second channel."""
    count = np.arange(first, first + n, dtype=np.float32)
    return np.stack((count, -count), axis=1)


def block(
    samples: NDArray[np.float32],
    start_ns: int,
    *,
    gap_before: bool = False,
    rate_hz: float | None = RATE_HZ,
) -> Block:
    return Block(samples, start_ns, rate_hz, "g", ("x", "y"), gap_before)


def cut(windower: Windower, blocks: Sequence[Block]) -> list[Window]:
    return [window for each in blocks for window in windower.push(each)]


def split(n: int, cuts: Sequence[int]) -> Iterator[tuple[int, int]]:
    bounds = [0, *sorted(c % (n + 1) for c in cuts), n]
    return pairwise(bounds)


sizes = st.integers(1, 12)
cuts = st.lists(st.integers(0, 1000), max_size=12)


@given(length=sizes, hop=sizes, n=st.integers(0, 80), at=cuts)
def test_windows_do_not_depend_on_how_the_samples_are_split_into_blocks(
    length: int, hop: int, n: int, at: list[int]
) -> None:
    blocks = [
        block(numbered(a, b - a), START_NS + round(a / RATE_HZ * 1e9)) for a, b in split(n, at)
    ]

    windows = cut(Windower(spec(length, hop)), blocks)

    starts = range(0, n - length + 1, hop)
    assert [w.samples[0, 0] for w in windows] == list(starts)
    for window, start in zip(windows, starts, strict=True):
        np.testing.assert_array_equal(window.samples, numbered(start, length))
        assert abs(window.start_ns - (START_NS + start * MS)) <= 2
        assert window.end_ns - window.start_ns == length * MS
        assert not window.gap
        assert not window.clipped


@dataclass(frozen=True)
class Segment:
    """Consecutive samples, in blocks, after a break."""

    n: int
    at: list[int]
    jump_hops: int  # how much later than due it starts; 0 is told by gap_before


segments = st.lists(
    st.builds(
        Segment,
        n=st.integers(1, 40),
        at=cuts,
        jump_hops=st.integers(-30, 30),
    ),
    min_size=1,
    max_size=6,
)


@given(length=sizes, hop=sizes, parts=segments)
def test_no_window_ever_joins_samples_across_a_gap(
    length: int, hop: int, parts: list[Segment]
) -> None:
    blocks: list[Block] = []
    expected: list[tuple[int, int, bool]] = []
    number, due_ns, broken = 0, START_NS, False
    for which, part in enumerate(parts):
        if which > 0:
            due_ns += part.jump_hops * hop * MS
            broken = True
        for a, b in split(part.n, part.at):
            first = which > 0 and part.jump_hops == 0 and a == 0
            blocks.append(block(numbered(number + a, b - a), due_ns + a * MS, gap_before=first))
        for start in range(0, part.n - length + 1, hop):
            expected.append((number + start, due_ns + start * MS, broken))
            broken = False
        number += part.n
        due_ns += part.n * MS

    windows = cut(Windower(spec(length, hop)), blocks)

    assert [(w.samples[0, 0], w.start_ns, w.gap) for w in windows] == expected
    for window in windows:
        np.testing.assert_array_equal(np.diff(window.samples[:, 0]), 1)


def test_a_lost_block_is_a_gap_even_where_the_hop_is_long() -> None:
    windower = Windower(spec(1000, 1000))

    windows = cut(
        windower,
        [block(numbered(k * 100, 100), START_NS + k * 100 * MS) for k in range(30) if k != 3],
    )

    assert [(w.samples[0, 0], w.gap) for w in windows] == [(400, True), (1400, False)]


def test_blocks_whose_times_jitter_are_no_gap() -> None:
    windower = Windower(spec(100, 100))
    late_ms = [0, 9, -9, 4, 0, 15, 0, -3, 2, 1]

    windows = cut(
        windower,
        [
            block(numbered(k * 10, 10), START_NS + (k * 10 + late) * MS)
            for k, late in enumerate(late_ms)
        ],
    )

    assert [w.gap for w in windows] == [False]


def test_windows_that_touch_the_input_range_are_marked_and_kept() -> None:
    windower = Windower(spec(4, 4), range_max=10.0)
    samples = np.zeros((16, 2), np.float32)
    samples[1, 0], samples[6, 1], samples[9, 0] = 9.995, -10.0, 9.9

    windows = cut(windower, [block(samples, START_NS)])

    assert [w.clipped for w in windows] == [True, True, False, False]


@pytest.mark.parametrize("rate_hz", [None, 0.0, -5.0, float("nan")])
def test_continuous_samples_without_a_usable_rate_are_refused(rate_hz: float | None) -> None:
    windower = Windower(spec(4, 4))

    with pytest.raises(InputError, match="rate_hz"):
        cut(windower, [block(numbered(0, 8), START_NS, rate_hz=rate_hz)])


def test_a_window_keeps_its_samples_when_the_source_reuses_its_memory() -> None:
    windower = Windower(spec(6, 6))
    memory = numbered(0, 4)
    cut(windower, [block(memory, START_NS)])
    memory[:] = 99

    (window,) = cut(windower, [block(numbered(4, 2), START_NS + 4 * MS)])

    np.testing.assert_array_equal(window.samples, numbered(0, 6))


class TestBursts:
    PERIOD_S = 10.0
    PERIOD_NS = 10_000_000_000

    def burst(
        self, number: int, late_ns: int = 0, n: int = 8, *, gap_before: bool = False
    ) -> Block:
        at_ns = START_NS + number * self.PERIOD_NS + late_ns
        return block(numbered(100 * number, n), at_ns, gap_before=gap_before)

    def windower(self, length: int = 8, hop: int = 8) -> Windower:
        return Windower(spec(length, hop, self.PERIOD_S))

    def test_each_burst_is_one_window_at_its_own_time(self) -> None:
        windows = cut(self.windower(), [self.burst(k) for k in range(3)])

        assert [(w.start_ns, w.gap) for w in windows] == [
            (START_NS + k * self.PERIOD_NS, False) for k in range(3)
        ]
        assert all(w.end_ns - w.start_ns == 8 * MS for w in windows)

    def test_a_longer_burst_gives_several_windows_and_none_spans_two_bursts(self) -> None:
        windows = cut(self.windower(3, 2), [self.burst(k, n=8) for k in range(2)])

        assert [w.samples[0, 0] for w in windows] == [0, 2, 4, 100, 102, 104]
        assert not any(w.gap for w in windows)

    def test_a_burst_cut_short_is_a_gap_before_the_next_and_not_a_shorter_window(self) -> None:
        windows = cut(self.windower(), [self.burst(0), self.burst(1, n=7), self.burst(2)])

        assert [(w.samples[0, 0], w.gap) for w in windows] == [(0, False), (200, True)]

    def test_a_missing_burst_is_a_gap(self) -> None:
        windows = cut(self.windower(), [self.burst(0), self.burst(2), self.burst(3)])

        assert [w.gap for w in windows] == [False, True, False]

    def test_a_source_that_says_so_makes_a_gap(self) -> None:
        windows = cut(self.windower(), [self.burst(0), self.burst(1, gap_before=True)])

        assert [w.gap for w in windows] == [False, True]

    def test_time_going_backwards_is_a_gap(self) -> None:
        windows = cut(self.windower(), [self.burst(5), self.burst(2), self.burst(3)])

        assert [w.gap for w in windows] == [False, True, False]

    @given(late_ms=st.lists(st.integers(-2400, 2400), min_size=1, max_size=10))
    def test_bursts_that_are_less_than_half_a_period_late_are_no_gap(
        self, late_ms: list[int]
    ) -> None:
        bursts = [self.burst(k, late * MS) for k, late in enumerate(late_ms)]

        assert not any(w.gap for w in cut(self.windower(), bursts))

    def test_rows_without_a_rate_last_one_period(self) -> None:
        windower = Windower(spec(1, 1, 600.0))

        (window,) = cut(windower, [block(numbered(0, 1), START_NS, rate_hz=None)])

        assert window.end_ns - window.start_ns == 600_000_000_000
