"""``edge-trainer evaluate``: a bundle on a recording that it need not have been trained on."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import Bundle
from edge_agent.bundle.loaded import LoadedBundle
from edge_agent.bundle.replay import replay
from edge_agent.calibration.series import DataError
from edge_agent.recordings import Recording, RecordingOptions, open_recording
from trainer.evaluate import Evaluation, alarms_of
from trainer.evaluate_bundle import Known, evaluate_bundle
from trainer.metrics import MetricError

Vibration = Callable[..., Any]
RATE = RecordingOptions(rate_hz=1024.0, unit="g")
PLAIN = {
    "cusum",
    "ewma",
    "moving-z",
    "pca",
    "pca-spe",
    "pca-t2",
    "persistence",
    "rms-3-sigma",
    "rms-5-sigma",
    "isolation-forest",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, vibration: Vibration) -> Path:
    """Two recordings of a second for every four windows: one gets loud in window 70, one not."""
    path = tmp_path_factory.mktemp("evaluate")
    loud = np.concatenate([vibration(70, seed=5), vibration(15, 1.0, seed=6)])
    for name, samples in (("run.csv", loud), ("quiet.csv", vibration(90, seed=8))):
        np.savetxt(path / name, samples, fmt="%.7g", header="x", comments="")
    flags = np.repeat([0, 1], [70, 15])
    (path / "labels.txt").write_text("\n".join(map(str, flags)))
    return path


@pytest.fixture(scope="module")
def recording(folder: Path) -> Recording:
    return open_recording(folder / "run.csv", RATE)


@pytest.fixture(scope="module")
def loaded(samples_bundle: bytes) -> LoadedBundle:
    return Bundle.decode(samples_bundle).load()


def test_alarms_are_those_that_a_replay_raises(loaded: LoadedBundle, recording: Recording) -> None:
    found = evaluate_bundle(loaded, recording, Known(healthy=(0, 60), fpt=70)).evaluation
    replayed = list(replay(loaded, recording))
    assert found.verdicts["all"].alarms == alarms_of(replayed)
    assert (found.windows, found.scored, found.not_scored) == (85, 75, {"washout": 10})
    assert set(found.verdicts) == {"all", "network", "level"} | PLAIN
    for name in ("all", "network", "level", "rms-3-sigma", "rms-5-sigma", "ewma", "cusum"):
        verdicts = found.verdicts[name]
        assert verdicts.lead is not None
        assert verdicts.lead.delay_to_fpt is not None
        assert 0 <= verdicts.lead.delay_to_fpt <= 4
        assert verdicts.alarms_in_healthy == 0
        assert verdicts.labelled is None


def test_without_a_healthy_part_there_are_no_plain_methods_and_no_lead(
    loaded: LoadedBundle, recording: Recording
) -> None:
    found = evaluate_bundle(loaded, recording, Known()).evaluation
    assert set(found.verdicts) == {"all", "network", "level"}
    assert found.healthy is None
    assert found.verdicts["all"].lead is None
    assert found.verdicts["all"].alarms_in_healthy is None
    assert found.verdicts["all"].first_alarm is not None


def test_labels_bring_figures_and_a_detector_that_draws_lots(
    loaded: LoadedBundle, recording: Recording, folder: Path
) -> None:
    known = Known(healthy=(0, 60), labels=folder / "labels.txt", buffer=10)
    found = evaluate_bundle(loaded, recording, known).evaluation
    assert (found.labelled_rows, found.buffer) == (15, 10)
    assert set(found.verdicts) == {"all", "network", "level", "random"} | PLAIN
    figures = {name: v.labelled for name, v in found.verdicts.items()}
    best, lots = figures["all"], figures["random"]
    assert best is not None
    assert lots is not None
    assert best.vus_pr > 0.9
    assert lots.vus_pr < 0.5
    assert (best.event.found, best.event.missed, best.event.false_alarms) == (1, 0, 0)


def test_the_healthy_part_may_be_in_another_recording(
    loaded: LoadedBundle, recording: Recording, folder: Path
) -> None:
    quiet = open_recording(folder / "quiet.csv", RATE)
    known = Known(healthy=(10, 90), healthy_recording=quiet, labels=folder / "labels.txt")
    found = evaluate_bundle(loaded, recording, known).evaluation
    assert found.healthy == (10, 90)
    assert set(found.verdicts) >= PLAIN
    assert all(v.alarms_in_healthy is not None for v in found.verdicts.values())
    with pytest.raises(DataError, match=r"quiet.csv: --healthy is 10:91, allowed: within 0:90"):
        evaluate_bundle(loaded, recording, Known(healthy=(10, 91), healthy_recording=quiet))


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (Known(healthy=(0, 86)), r"run.csv: --healthy is 0:86, allowed: within 0:85, its windows"),
        (Known(healthy=(0, 9), fpt=85), r"run.csv: --fpt is 85, allowed: 0 to 84, its windows"),
    ],
)
def test_windows_outside_the_recording_are_refused(
    loaded: LoadedBundle, recording: Recording, known: Known, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        evaluate_bundle(loaded, recording, known)


def test_labels_without_an_anomaly_are_refused(
    loaded: LoadedBundle, recording: Recording, tmp_path: Path
) -> None:
    (tmp_path / "none.txt").write_text("0\n" * 85)
    with pytest.raises(MetricError, match="0 of 85 rows are labelled as anomalies"):
        evaluate_bundle(loaded, recording, Known(labels=tmp_path / "none.txt"))


# --- the command


def test_the_command_prints_a_table_or_json(
    edge_trainer: Any, folder: Path, bundle_file: Path
) -> None:
    given = (bundle_file, folder / "run.csv", "--rate-hz", 1024, "--unit", "g")
    text = edge_trainer("evaluate", *given, "--healthy", "0:60", "--fpt", 70)
    assert text.returncode == 0, text.stderr
    lines = text.stdout.splitlines()
    assert lines[0].startswith(f"{folder / 'run.csv'}: 85 windows, 75 scored, by {bundle_file}")
    assert lines[1].split()[:3] == ["detector", "first", "alarm"]
    assert [line.split("  ")[0] for line in lines[2:5]] == ["all", "network", "level"]
    labels = ("--labels", folder / "labels.txt")
    as_json = edge_trainer("evaluate", *given, "--healthy", "0:60", *labels, "--json")
    found = msgspec.json.decode(as_json.stdout, type=Evaluation)
    assert found.labelled_rows == 15
    table = edge_trainer("evaluate", *given, *labels).stdout.splitlines()
    assert "VUS-PR" in table[1]
    assert table[-1].startswith("PA-F1: point-adjusted, best, for reproduction only")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (["--fpt", "5"], os.EX_USAGE, "--fpt is 5, allowed: beside --healthy only"),
        (["--label-key", "a"], os.EX_USAGE, "--label-key is a, allowed: beside --labels only"),
        (
            ["--fpt", "5", "--healthy", "0:9", "--healthy-data", "x.csv"],
            os.EX_USAGE,
            "--fpt is 5, allowed: where --healthy counts in RECORDING itself",
        ),
        (["--labels", "nope.txt"], os.EX_DATAERR, "nope.txt: cannot be read"),
        (["--channels", "q"], os.EX_DATAERR, "allowed: x"),
        (["--unit", "m/s2"], os.EX_DATAERR, "does not fit"),
        (["--healthy", "9:5"], os.EX_USAGE, "allowed: A:B"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    edge_trainer: Any, folder: Path, bundle_file: Path, change: list[str], code: int, words: str
) -> None:
    given = (bundle_file, folder / "run.csv", "--rate-hz", 1024, "--unit", "g")
    ended = edge_trainer("evaluate", *given, *change)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
