import tempfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pytest

from edge_agent.daemon.local.messages import BlockSeen
from edge_agent.daemon.local.record import RecordError, Tape
from edge_agent.recordings import Gap

SECOND = 10**9


def block(start_ns: int, length: int = 100, **more: Any) -> tuple[BlockSeen, bytes]:
    facts: dict[str, Any] = {
        "start_ns": start_ns,
        "utc_offset_ns": 0,
        "rate_hz": 1000.0,
        "unit": "g",
        "channels": ("x",),
        "length": length,
        "period_s": None,
        "gap_before": False,
    }
    return BlockSeen(**facts | more), np.ones(length, np.float32).tobytes()


@pytest.fixture
def raw() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        yield file


def test_blocks_that_follow_one_another_make_one_run(raw: IO[bytes]) -> None:
    tape = Tape(raw, 10_000)
    for i in range(5):
        assert tape.take(*block(i * SECOND // 10 + i * 1000)) is None
    assert (tape.rows, tape.gaps, tape.starts_ns) == (500, [], [0])


def test_what_is_missing_is_a_gap_whoever_noticed(raw: IO[bytes]) -> None:
    tape = Tape(raw, 10_000)
    tape.take(*block(0, gap_before=True))  # nothing was recorded before it
    tape.take(*block(SECOND // 10, gap_before=True))
    tape.take(*block(SECOND))
    tape.take(*block(SECOND // 2))
    assert tape.gaps == [
        Gap(100, SECOND // 10),
        Gap(200, SECOND),
        Gap(300, SECOND // 2),
    ]


def test_a_clock_that_is_set_meanwhile_tears_no_hole(raw: IO[bytes]) -> None:
    tape = Tape(raw, 10_000)
    tape.take(*block(0, utc_offset_ns=1000 * SECOND))
    tape.take(*block(SECOND // 10, utc_offset_ns=5000 * SECOND))
    tape.take(*block(SECOND, utc_offset_ns=5000 * SECOND))
    assert tape.starts_ns == [1000 * SECOND]
    assert tape.gaps == [Gap(200, 1001 * SECOND)]


def test_values_that_are_no_numbers_are_left_out_and_leave_a_gap(raw: IO[bytes]) -> None:
    tape = Tape(raw, 10_000)
    tape.take(*block(0))
    tape.take(block(SECOND // 10)[0], np.full(100, np.nan, np.float32).tobytes())
    tape.take(*block(SECOND // 5))
    assert (tape.left_out, tape.rows, tape.gaps) == (1, 200, [Gap(100, SECOND // 5)])


def test_bursts_keep_their_times_and_their_length(raw: IO[bytes]) -> None:
    tape = Tape(raw, 10_000)
    tape.take(*block(0, period_s=60.0))
    tape.take(*block(60 * SECOND, period_s=60.0))
    tape.take(*block(90 * SECOND, length=50, period_s=60.0))
    tape.take(*block(300 * SECOND, period_s=60.0, gap_before=True))
    assert tape.starts_ns == [0, 60 * SECOND, 300 * SECOND]
    assert (tape.rows, tape.gaps, tape.left_out) == (300, [], 1)


def test_a_full_tape_ends_the_recording(raw: IO[bytes]) -> None:
    tape = Tape(raw, 800)
    assert tape.take(*block(0)) is None
    assert tape.take(*block(SECOND // 10)) is None
    assert tape.take(*block(SECOND // 5)) == "0 MB are full"
    assert tape.rows == 200


def test_another_sensor_ends_the_recording(raw: IO[bytes]) -> None:
    tape = Tape(raw, 10_000)
    tape.take(*block(0))
    said = tape.take(*block(SECOND // 10, rate_hz=2000.0))
    assert said is not None
    assert "something else" in said


def test_features_are_no_samples(raw: IO[bytes]) -> None:
    with pytest.raises(RecordError, match="no sampling rate"):
        Tape(raw, 10_000).take(*block(0, rate_hz=None))
