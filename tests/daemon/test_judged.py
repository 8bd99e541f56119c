from pathlib import Path

from edge_agent.daemon.config.followed import installed_file
from edge_agent.daemon.config.settings import Asset, SensorSettings, VelocityLimit
from edge_agent.daemon.judged import judge
from edge_agent.daemon.models import Models


def asset(bundle: Path, limit: VelocityLimit | None) -> Asset:
    sensor = SensorSettings(plugin="bench")
    return Asset(name="pump-1", bundle=str(bundle), velocity_limit=limit, sensor=sensor)


def test_an_asset_whose_windows_have_no_velocity_is_not_watched_under_a_limit_of_it(
    bundle_file: Path,
) -> None:
    judged = judge(asset(bundle_file, VelocityLimit(group=2, support="rigid")), Models(None))
    assert judged.bundle is None
    assert judged.reason is not None
    assert judged.reason.startswith("velocity_limit: velocity_rms reaches to 1000 Hz")


def test_without_a_limit_it_is(bundle_file: Path) -> None:
    assert judge(asset(bundle_file, None), Models(None)).bundle is not None


def test_an_asset_whose_line_has_no_model_yet_says_so_and_names_no_missing_file(
    tmp_path: Path,
) -> None:
    judged = judge(asset(installed_file(tmp_path, "press"), None), Models(None))
    assert judged.reason == "no model was installed for line press yet"
    judged = judge(asset(tmp_path / "press.edgemodel", None), Models(None))
    assert judged.reason is not None
    assert "press.edgemodel: cannot be read" in judged.reason
