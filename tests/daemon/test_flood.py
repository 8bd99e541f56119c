import logging
import threading
from collections.abc import Iterator

import pytest
from waiting import wait_until

from edge_agent.daemon import flood
from edge_agent.daemon.flood import ALIKE_MAX, EQUAL_MAX, SPAN_S, FloodFilter


class Kept(logging.Handler):
    """What would have been written."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


class Bench:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.kept = Kept()
        self.flood = FloodFilter(self.kept, lambda: self.now_s)
        self.kept.addFilter(self.flood)
        self.log = logging.Logger("edge_agent.test")  # noqa: LOG001 - one that no other test sees
        self.log.addHandler(self.kept)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.flood.flush()


def test_what_is_no_flood_passes(bench: Bench) -> None:
    for i in range(50):
        bench.log.info("asset %s: running", f"pump-{i}")
    assert len(bench.kept.said) == 50


def test_a_flood_of_equal_lines_is_cut_and_counted(bench: Bench) -> None:
    for _ in range(1000):
        bench.log.warning("the device says %s", "no")
    bench.log.info("something else")
    assert bench.kept.said == ["the device says no"] * EQUAL_MAX + ["something else"]
    bench.now_s = SPAN_S
    bench.log.info("later")
    summary = f"{1000 - EQUAL_MAX} lines equal to this suppressed: the device says no"
    assert bench.kept.said[-2:] == [summary, "later"]


def test_a_flood_of_one_format_is_cut_and_counted(bench: Bench) -> None:
    for i in range(1000):
        bench.log.info("value %d", i)
    assert len(bench.kept.said) == ALIKE_MAX
    bench.flood.flush()
    assert bench.kept.said[-1] == f"{1000 - ALIKE_MAX} lines of this kind suppressed: value %d"


def test_a_line_that_comes_back_after_a_minute_is_news(bench: Bench) -> None:
    for _ in range(3):
        for _ in range(EQUAL_MAX):
            bench.log.info("tried again")
        bench.now_s += SPAN_S
    assert bench.kept.said == ["tried again"] * 3 * EQUAL_MAX


def test_the_same_words_at_another_level_are_another_line(bench: Bench) -> None:
    for _ in range(EQUAL_MAX):
        bench.log.info("gone")
    bench.log.error("gone")
    assert len(bench.kept.said) == EQUAL_MAX + 1


def test_the_end_of_a_flood_is_told_also_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "SPAN_S", 1.0)
    kept = Kept()
    guard = FloodFilter(kept)
    kept.addFilter(guard)
    log = logging.Logger("edge_agent.test")  # noqa: LOG001 - one that no other test sees
    log.addHandler(kept)
    threads = threading.active_count()
    for _ in range(20):
        log.info("again")
    assert threading.active_count() == threads + 1
    assert wait_until(lambda: "suppressed" in kept.said[-1])
    assert kept.said[-1] == f"{20 - EQUAL_MAX} lines equal to this suppressed: again"
    assert wait_until(lambda: threading.active_count() == threads)


def test_lines_without_end_take_no_memory_without_end(bench: Bench) -> None:
    for i in range(10_000):
        bench.log.info(f"number {i}")  # noqa: G004 - as a careless plugin would
    assert len(bench.kept.said) < 2_500
    assert len(bench.flood._counts) < 2_500  # noqa: SLF001
