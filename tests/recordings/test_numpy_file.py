"""Plain arrays in .npy files, with a JSON header beside them or options."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.recordings import RecordingError, RecordingOptions, open_recording

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]
RAMP = np.arange(12, dtype=np.int16)


@pytest.mark.parametrize(("shape", "channels"), [((12,), 1), ((6, 2), 2), ((2, 3, 2), 2)])
def test_vectors_tables_and_bursts_are_read(
    tmp_path: Path, samples_of: Samples, shape: tuple[int, ...], channels: int
) -> None:
    np.save(tmp_path / "pump.npy", RAMP.reshape(shape))
    samples = samples_of(tmp_path / "pump.npy", rate_hz=3.0, unit="V")
    assert np.array_equal(samples, RAMP.reshape(-1, channels))


def test_a_json_file_beside_it_states_what_the_options_would(tmp_path: Path) -> None:
    np.save(tmp_path / "pump.npy", RAMP.reshape(2, 3, 2))
    header = {"rate_hz": 100, "unit": "g", "channels": ["x", "y"], "start_ns": 5, "period_s": 60}
    (tmp_path / "pump.json").write_text(json.dumps(header))
    recording = open_recording(tmp_path / "pump.npy")
    assert recording.channels == ("x", "y")
    assert (recording.rate_hz, recording.unit, recording.period_s) == (100.0, "g", 60.0)
    assert [block.start_ns for block in recording.blocks()] == [5, 60 * 10**9 + 5]


def test_the_options_fill_what_the_header_leaves_open(tmp_path: Path) -> None:
    np.save(tmp_path / "pump.npy", RAMP)
    (tmp_path / "pump.json").write_text('{"unit": "g"}')
    recording = open_recording(tmp_path / "pump.npy", RecordingOptions(rate_hz=50.0))
    assert (recording.rate_hz, recording.unit) == (50.0, "g")


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("{", "pump.json: is no header of a recording"),
        ('{"rate": 5}', "unknown field `rate`"),
        ('{"rate_hz": "5"}', "Expected `float | null`, got `str` - at `$.rate_hz`"),
        ('{"rate_hz": -5}', "rate_hz is -5.0, allowed: 0.001 to 1e+12 Hz"),
        ('{"start_ns": -1, "rate_hz": 1}', "`$.start_ns"),
        ("\xff", "pump.json: is no header of a recording"),
    ],
)
def test_a_wrong_header_is_refused(
    tmp_path: Path, refusal_of: Refusal, header: str, problem: str
) -> None:
    np.save(tmp_path / "pump.npy", RAMP)
    (tmp_path / "pump.json").write_bytes(header.encode("latin-1"))
    assert problem in refusal_of(tmp_path / "pump.npy")


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.array([True]), "holds dtype bool, allowed: integers or floats"),
        (np.array([object()]), "holds dtype 'object', allowed: plain numbers"),
        (np.float32(1.0), "has shape (), allowed: (n,)"),
        (np.zeros((3, 0)), "allowed: at least one sample"),
        (np.array([1.0, np.nan]), "sample 1 of channel c1 is nan"),
    ],
)
def test_an_array_that_holds_no_samples_is_refused(
    tmp_path: Path,
    refusal_of: Refusal,
    array: Any,
    problem: str,
) -> None:
    np.save(tmp_path / "pump.npy", array)
    assert problem in refusal_of(tmp_path / "pump.npy", rate_hz=1.0)


def test_the_rate_is_asked_for(tmp_path: Path, refusal_of: Refusal) -> None:
    np.save(tmp_path / "pump.npy", RAMP)
    assert "states no sampling rate: give it with --rate-hz" in refusal_of(tmp_path / "pump.npy")


def test_a_truncated_file_is_refused_with_what_is_missing(
    tmp_path: Path, refusal_of: Refusal
) -> None:
    path = tmp_path / "pump.npy"
    np.save(path, RAMP)
    path.write_bytes(path.read_bytes()[:-3])
    refusal = refusal_of(path, rate_hz=1.0)
    assert "is truncated: 21 bytes of data, its header promises 24 for shape (12,)" in refusal


def test_a_file_that_shrinks_after_it_was_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pump.npy"
    np.save(path, RAMP)
    recording = open_recording(path, RecordingOptions(rate_hz=1.0))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(RecordingError, match="is truncated: 3 bytes are missing"):
        list(recording.blocks())
