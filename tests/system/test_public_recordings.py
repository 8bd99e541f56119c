"""What the default recipe makes of real machines: one set of parameters for all of them."""

import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from edge_agent.recordings import RecordingOptions, open_recording
from trainer.data import input_spec, read_series
from trainer.evaluate import Alarm, Parity, compare, judge, run
from trainer.learn import learn
from trainer.recipe import load_recipe

pytestmark = pytest.mark.training

PROGRAMS = Path(sys.executable).parent
IMS = "ims_2nd_test/ims_2nd_test_features.csv"
FAULTS = (
    *(f"48k_Drive_End_Bearing_Fault_Data/{f}.mat" for f in ("IR/007/109_0", "B/007/122_0")),
    "48k_Drive_End_Bearing_Fault_Data/OR/007/@6/135_0.mat",
    *(f"12k_Drive_End_Bearing_Fault_Data/{f}.mat" for f in ("IR/007/105_0", "B/007/118_0")),
    "12k_Drive_End_Bearing_Fault_Data/OR/007/@6/130@6_0.mat",
)


@pytest.fixture(scope="module")
def public_data(shared_data: Path) -> Path:
    if find_spec("tensorflow") is None:
        pytest.skip("needs the extra 'trainer'")
    return shared_data


@dataclass(frozen=True)
class Found:
    """Alarms over the whole recording, and the quantized network beside the one in float."""

    alarms: tuple[Alarm, ...]
    parity: Parity

    def require_parity(self) -> None:
        """Quantized and float: the same first alarm, and at most 0.1 % of decisions flip."""
        assert self.parity.quantized_first_alarm == self.parity.float_first_alarm
        assert self.parity.flipped_share <= 0.001


def _found(path: Path, healthy: tuple[int, int], channels: tuple[str, ...] = ()) -> Found:
    recipe = load_recipe("default")
    recording = open_recording(path, RecordingOptions(channels=channels))
    series = read_series(recording, recipe, input_spec(recording, recipe))
    learned = learn(recipe, series, healthy)
    assert learned.network is not None
    both = (learned.shipped, learned.network.in_float)
    results, in_float = (run(d.spec, d.model, series) for d in both)
    return Found(
        judge(results, series, healthy).alarms, compare(results, in_float, series, healthy)
    )


def _require_opening(found: Found, start: int, first: int, last: int) -> None:
    """An alarm opens in first:last; from ``start`` to it at most one, of up to 50 windows."""
    assert any(first <= a.opened < last for a in found.alarms)
    early = [a for a in found.alarms if start <= a.opened < first]
    assert len(early) <= 1
    assert all(a.closed is not None and a.closed - a.opened <= 50 for a in early)


def test_ims_bearing_1_alarms_by_file_536_and_not_before_500(public_data: Path) -> None:
    found = _found(public_data / IMS, (0, 400), ("b1",))
    assert 500 <= found.alarms[0].opened <= 536
    found.require_parity()


def test_femto_1_2_alarms_at_its_onset(public_data: Path) -> None:
    found = _found(public_data / "femto/Bearing1_2.npz", (100, 500))
    _require_opening(found, 100, 800, 830)
    found.require_parity()


def test_femto_1_1_alarms_while_it_degrades(public_data: Path) -> None:
    found = _found(public_data / "femto/Bearing1_1.npz", (200, 900))
    _require_opening(found, 200, 1200, 1450)
    found.require_parity()


def _command(program: str, *arguments: object) -> str:
    command = [str(PROGRAMS / program), *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _rate(name: str) -> tuple[str, ...]:
    return ("--rate-hz", "12000") if name[0] == "1" else ("--rate-hz", "48000", "--decimate", "4")


def test_cwru_six_of_six_faults_alarm_and_the_normal_record_does_not(
    public_data: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(public_data / "cwru/cwru_dev_mat.zip") as archive:
        archive.extractall(tmp_path)
    normal, bundle = "Normal/97_Normal_0.mat", tmp_path / "cwru.edgemodel"
    cut = ("--window", 1024, "--hop", 512, "--channels", "DE", "--channels", "FE")
    given = ("--data", tmp_path / normal, *_rate(normal), *cut)
    printed = _command(
        "edge-trainer", "train", *given, "--healthy", "0:59", "--out", bundle, "--json"
    )
    evaluation: Any = json.loads(printed)
    assert evaluation["windows"] == 118
    assert evaluation["verdicts"]["all"]["alarms"] == []
    assert evaluation["parity"]["flipped_share"] <= 0.001
    for name in FAULTS:
        given = ("--bundle", bundle, "--recording", tmp_path / name, *_rate(name))
        assert json.loads(_command("edge-agent", "replay", *given, "--json"))["alarms"] >= 1, name
