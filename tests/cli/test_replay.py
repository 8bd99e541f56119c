import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.bundle import Bundle, encode_bundle
from edge_agent.bundle.overlay import encode_overlay
from edge_agent.pipeline.features import FeatureSpec, feature_hash
from edge_agent.recordings import RecordingOptions, open_recording
from trainer.commission import commission_bundle, read_asset

EdgeAgent = Callable[..., Any]

OPTIONS = ("--rate-hz", 1024, "--unit", "g")
RATE = RecordingOptions(rate_hz=1024.0, unit="g")


def rows_of(text: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows = [json.loads(line) for line in text.splitlines()]
    return (
        [row for row in rows if row["type"] == "window"],
        [row for row in rows if row["type"] == "event"],
    )


def test_the_rows_are_as_documented(
    edge_agent: EdgeAgent, bundle_file: Path, recording: Path
) -> None:
    ran = edge_agent(
        "replay", "--bundle", bundle_file, "--recording", recording, "--jsonl", "-", *OPTIONS
    )
    assert ran.code == 0
    windows, events = rows_of(ran.out)
    assert [row["index"] for row in windows] == list(range(85))
    assert [row["reason"] for row in windows[:11]] == ["washout"] * 10 + [None]
    assert all((row["score"] is None) == (row["reason"] is not None) for row in windows)
    assert windows[1]["time"] == "1970-01-01T00:00:00.250000Z"
    assert events[0]["event"] == "open"
    assert all("index" not in event for event in events)
    assert events[-1]["event"] == "close"
    opened = next(row["index"] for row in windows if row["anomaly"])
    assert 40 <= opened <= 44
    assert not windows[-1]["anomaly"]
    assert "85 windows" in ran.err


def test_a_replay_repeats_itself_to_the_byte(
    edge_agent: EdgeAgent, bundle_file: Path, recording: Path, tmp_path: Path
) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        arguments = ("--jsonl", tmp_path / name, *OPTIONS)
        edge_agent("replay", "--bundle", bundle_file, "--recording", recording, *arguments)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_the_summary_is_json_on_request(
    edge_agent: EdgeAgent, bundle_file: Path, recording: Path
) -> None:
    ran = edge_agent(
        "replay", "--bundle", bundle_file, "--recording", recording, "--json", *OPTIONS
    )
    summary = json.loads(ran.out)
    assert (summary["windows"], summary["scored"]) == (85, 75)
    assert summary["not_scored"] == {"washout": 10}
    assert summary["alarms"] >= 1
    assert summary["sha256"] == Bundle.read(bundle_file).sha256


def test_rows_on_standard_output_are_not_mixed_with_the_summary(
    edge_agent: EdgeAgent, bundle_file: Path, recording: Path
) -> None:
    arguments = ("--jsonl", "-", "--json", *OPTIONS)
    ran = edge_agent("replay", "--bundle", bundle_file, "--recording", recording, *arguments)
    assert len(rows_of(ran.out)[0]) == 85
    assert json.loads(ran.err[ran.err.index("{") :])["windows"] == 85


def test_a_feature_plugin_that_is_not_installed_is_unavailable(
    edge_agent: EdgeAgent, bundle_file: Path, recording: Path, manifest: Any
) -> None:
    bundle = Bundle.read(bundle_file)
    features = (FeatureSpec("no_such", "1"), *manifest.flow.features[1:])
    flow = msgspec.structs.replace(manifest.flow, features=features)
    digest = feature_hash(features, flow.feature_names)
    changed = msgspec.structs.replace(manifest, flow=flow, feature_hash=digest)
    bundle_file.write_bytes(encode_bundle(changed, bundle.model, bundle.golden))
    ran = edge_agent("replay", "--bundle", bundle_file, "--recording", recording, *OPTIONS)
    assert ran.code == 69
    assert "no feature plugin 'no_such' is installed" in ran.err


def test_an_extra_that_is_not_installed_is_unavailable_and_named(
    edge_agent: EdgeAgent, bundle_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = edge_agent(
        "replay", "--bundle", bundle_file, "--recording", tmp_path / "run.parquet", *OPTIONS
    )
    assert ran.code == 69
    assert "pip install 'edge-agent[formats]'" in ran.err


def test_a_feature_table_enters_after_the_features(
    edge_agent: EdgeAgent,
    features_bundle_file: Path,
    history: tuple[Any, Any],
    tmp_path: Path,
    flow_spec: Any,
) -> None:
    table = tmp_path / "features.csv"
    lines = [",".join(("time", *flow_spec.feature_names))]
    for i, vector in enumerate(history[1]):
        stamp = f"2024-01-01T{i // 6:02d}:{i % 6}0:00Z"
        lines.append(",".join((stamp, *(f"{value:.9g}" for value in vector))))
    table.write_text("\n".join(lines) + "\n")
    ran = edge_agent(
        "replay", "--bundle", features_bundle_file, "--recording", table, "--jsonl", "-"
    )
    assert ran.code == 0, ran.err
    windows, events = rows_of(ran.out)
    assert len(windows) == 40
    assert windows[1]["time"] == "2024-01-01T00:10:00.000000Z"
    assert events[0]["event"] == "open"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rate-hz", 2048, "--unit", "g"), ("rate_hz", "2048", "1024")),
        (("--rate-hz", 1024, "--unit", "V"), ("unit", "'V'", "'g'")),
        (("--rate-hz", 1024), ("unit", "None", "'g'")),
        ((*OPTIONS, "--window", 512), ("--window is 512", "window 256")),
        ((*OPTIONS, "--hop", 128), ("--hop is 128", "hop 256")),
        ((*OPTIONS, "--decimate", 4), ("rate_hz", "256", "1024")),
        ((*OPTIONS, "--channels", "z"), ("z", "x")),
    ],
)
def test_a_recording_that_does_not_fit_names_both_sides(
    edge_agent: EdgeAgent,
    bundle_file: Path,
    recording: Path,
    options: tuple[object, ...],
    words: tuple[str, ...],
) -> None:
    ran = edge_agent("replay", "--bundle", bundle_file, "--recording", recording, *options)
    assert ran.code == 65
    assert all(word in ran.err for word in words), ran.err


@pytest.mark.parametrize("read", ["bundle", "recording"])
def test_what_is_read_is_not_overwritten(
    edge_agent: EdgeAgent, bundle_file: Path, recording: Path, read: str
) -> None:
    path = {"bundle": bundle_file, "recording": recording}[read]
    before = path.read_bytes()
    arguments = ("--bundle", bundle_file, "--recording", recording, "--jsonl", path, *OPTIONS)
    assert edge_agent("replay", *arguments).code == 64
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(
    edge_agent: EdgeAgent, bundle_file: Path, recording: Path, tmp_path: Path
) -> None:
    out = tmp_path / "none" / "out.jsonl"
    ran = edge_agent(
        "replay", "--bundle", bundle_file, "--recording", recording, "--jsonl", out, *OPTIONS
    )
    assert ran.code == 69
    assert str(out) in ran.err


def test_a_general_bundle_replays_with_its_overlay_only(
    edge_agent: EdgeAgent, general_bundle_file: Path, recording: Path
) -> None:
    bundle = Bundle.read(general_bundle_file)
    opened = open_recording(recording, RATE)
    series = read_asset(bundle, opened, 256, 256)
    overlay, _ = commission_bundle(bundle, series, (0, 40))
    file = recording.with_name("pump.overlay.json")
    file.write_bytes(encode_overlay(overlay))
    command = ("replay", "--bundle", general_bundle_file, "--recording", recording, *OPTIONS)

    refused = edge_agent(*command)
    assert refused.code == 65
    assert "scores no machine before it is commissioned" in refused.err
    ran = edge_agent(*command, "--overlay", file, "--jsonl", "-")
    assert ran.code == 0
    windows, _ = rows_of(ran.out)
    assert 40 <= next(row["index"] for row in windows if row["anomaly"]) <= 44
    assert edge_agent(*command, "--overlay", recording).code == 65
    same = edge_agent(*command, "--overlay", file, "--jsonl", file)
    assert same.code == 64
