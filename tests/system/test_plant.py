"""A small plant for a short year, by its one command."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

pytest.importorskip("matplotlib", reason="needs the extra 'trainer'")
pytest.importorskip("trainer.general", reason="needs the trainer")

from benchmarks.plant.__main__ import plant

pytestmark = pytest.mark.system


@pytest.mark.timeout(1800)
def test_the_plant_prints_a_table_and_draws_a_picture(
    tmp_path: Path, general_bundle_file: Path
) -> None:
    picture, out = tmp_path / "pictures" / "plant.png", tmp_path / "plant.json"
    arguments = ["--machines", "15", "--days", "120", "--healthy-days", "14"]
    arguments += ["--bundle", str(general_bundle_file)]
    ended = CliRunner().invoke(plant, [*arguments, "--picture", str(picture), "--out", str(out)])
    assert ended.exit_code == 0, ended.output
    found = msgspec.json.decode(out.read_bytes())
    assert len(found["faults"]) == 5
    told = [fault for fault in found["faults"] if fault["alert_lead_days"]]
    assert len(told) >= 4, ended.output
    assert all(sensor["reported_after_h"] <= 1 for sensor in found["sensors"])
    assert found["disturbance"]["told"] > 0.7 * found["disturbance"]["felt"]
    assert picture.read_bytes().startswith(b"\x89PNG")
