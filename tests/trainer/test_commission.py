"""Commissioning on a recording, as a user asks for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import read_overlay
from edge_agent.recordings import RecordingOptions, open_recording
from edge_agent.recordings.feature_store import FeatureStore
from trainer.cli import evaluate
from trainer.commission import commission_bundle, read_asset

EdgeTrainer = Callable[..., Any]

CONFIRMED = {
    "schema": "edge-agent/label/1",
    "id": "1",
    "gateway": "gw-1",
    "asset": "pump-9",
    "start": "1970-01-01T00:00:01Z",
    "end": "1970-01-01T00:00:02Z",
    "label": "confirmed",
    "anomaly_id": "1",
    "number": 1,
    "severity": 2.0,
    "closed": True,
    "at": "1970-01-02T00:00:00Z",
    "by": "kim",
}


@pytest.fixture
def recording(tmp_path: Path, vibration: Callable[..., Any]) -> Path:
    """Sixty healthy windows of two channels, then fifteen loud ones."""
    samples = np.concatenate((vibration(60, seed=5), vibration(15, 1.0, seed=6)))
    path = tmp_path / "pump-9.csv"
    both = np.concatenate((samples, 0.1 * samples[::-1][: len(samples)]), axis=1)
    both[-15 * 256 :, 1] *= 3.0
    np.savetxt(path, both, fmt="%.7g", header="de,nde", delimiter=",", comments="")
    return path


def _options(bundle: Path, recording: Path) -> tuple[object, ...]:
    return ("evaluate", bundle, recording, "--rate-hz", 1024, "--unit", "g")


def test_a_general_bundle_is_judged_on_a_machine_never_seen(
    general_bundle_file: Path, recording: Path, edge_trainer: EdgeTrainer
) -> None:
    out = recording.with_name("pump-9.json")
    ended = edge_trainer(
        *_options(general_bundle_file, recording),
        *("--channels", "de", "--window", 256, "--hop", 256),
        *("--commission", "0:40", "--overlay", out, "--json"),
    )
    assert ended.returncode == 0, ended.stderr
    found = msgspec.json.decode(ended.stdout)
    assert found["healthy"] == [0, 40]
    assert found["verdicts"]["all"]["alarms_in_healthy"] == 0
    assert 60 <= found["verdicts"]["all"]["first_alarm"] <= 64
    overlay = read_overlay(out)
    assert overlay.healthy == (0, 40)
    assert overlay.flow.input.channels == ("de",)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 65, "scores no machine before it is commissioned"),
        (("--window", 256), 64, "allowed beside --commission only"),
        (("--commission", "0:10", "--window", 256), 65, "healthy is 0:10"),
        (("--commission", "0:400", "--window", 256), 65, "allowed: within 0:75"),
    ],
)
def test_what_does_not_do_is_said(
    general_bundle_file: Path,
    recording: Path,
    edge_trainer: EdgeTrainer,
    arguments: tuple[object, ...],
    code: int,
    said: str,
) -> None:
    ended = edge_trainer(*_options(general_bundle_file, recording), *arguments)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr


def test_a_calibrated_bundle_is_not_commissioned(
    bundle_file: Path, recording: Path, edge_trainer: EdgeTrainer
) -> None:
    ended = edge_trainer(*_options(bundle_file, recording), "--commission", "0:40")
    assert ended.returncode == 65
    assert "form is calibrated, allowed for commissioning: general" in ended.stderr


def test_it_is_not_commissioned_on_windows_of_a_fault_that_people_confirmed(
    general_bundle_file: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, healthy = Bundle.read(general_bundle_file), (0, 40)
    opened = open_recording(recording, RecordingOptions(rate_hz=1024.0, unit="g"))
    series = read_asset(bundle, opened, 256, 256)
    asset, overlay = recording.with_name("asset=pump-9"), recording.with_name("overlay.json")
    (asset / "day=1970-01-01").mkdir(parents=True)
    (asset / "labels.jsonl").write_bytes(msgspec.json.encode(CONFIRMED))
    store = FeatureStore(asset, series.names, None, 0.25, ())
    monkeypatch.setattr(evaluate, "read_asset", lambda *_: series)
    evaluate._commissioned(bundle, store, healthy, (None, None), overlay)  # noqa: SLF001
    fault = np.isin(np.arange(len(series.vectors)), range(4, 8))
    assert read_overlay(overlay) == commission_bundle(bundle, series.without(fault), healthy)[0]
