"""A fleet's file says what each asset is, or says what is wrong with it."""

from pathlib import Path

import pytest

from edge_agent.recordings import RecordingOptions
from trainer.fleet import FleetError, matching_assets, read_assets


def _write(folder: Path, text: str) -> Path:
    path = folder / "plant.toml"
    path.write_text(text)
    return path


def test_defaults_hold_for_every_asset_that_does_not_say_otherwise(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        """
        [defaults]
        healthy = "0:400"
        unit = "g"
        rate_hz = 20000.0

        [[asset]]
        name = "pump-1"
        data = "recordings/pump-1.npz"
        channels = ["b1"]

        [[asset]]
        name = "pump-2"
        data = "/elsewhere/pump-2"
        healthy = "100:300"
        recipe = "mine.toml"
        seed = 4
        """,
    )
    first, second = read_assets(path)
    assert first.data == str(tmp_path / "recordings/pump-1.npz")
    assert first.healthy_windows == (0, 400)
    assert first.recipe == "default"
    assert first.options == RecordingOptions(channels=("b1",), unit="g", rate_hz=20000.0)
    assert second.data == "/elsewhere/pump-2"
    assert second.healthy_windows == (100, 300)
    assert second.recipe == str(tmp_path / "mine.toml")
    assert (second.seed, second.version) == (4, "0.1.0")


def test_the_bundle_that_computed_the_features_lies_beside_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path, ONE + 'input_of = "old/a.edgemodel"\n')
    (asset,) = read_assets(path)
    assert asset.input_of == str(tmp_path / "old/a.edgemodel")


ONE = '[[asset]]\nname = "a"\ndata = "a.npz"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("asset = 3", ["holds no [[asset]]"]),
        ("", ["holds no [[asset]]"]),
        ("[[asset]\n", ["line 1"]),
        ("[[machine]]\n", ["'machine' found, allowed: [defaults] and [[asset]]"]),
        ("defaults = 3\n" + ONE, ["holds no [[asset]]"]),
        ('[defaults]\nname = "a"\n' + ONE, ["defaults: 'name' found"]),
        (ONE + ONE, ["2 assets are named 'a'"]),
        (ONE + ONE.replace('"a"', '"A"'), ["2 assets are named 'a'"]),
        (ONE + "volume = 3\n", ["asset 1", "volume"]),
        (ONE + "window = 0\n", ["asset 1", ">= 1", "$.window"]),
        (ONE + 'rate_hz = "fast"\n', ["asset 1", "$.rate_hz"]),
        (ONE + 'healthy = "5:5"\n', ["asset 1", "'5:5', allowed: A:B"]),
        (ONE + 'version = "1"\n', ["asset 1", "version is '1', allowed: SemVer"]),
        (ONE + 'input_of = "b.edgemodel"\nunit = "g"\n', ["asset 1", "are not for input_of"]),
        ('[[asset]]\nname = "a b"\ndata = "a"\n', ["asset 1", "name is 'a b'"]),
        ('[[asset]]\nname = "a"\n', ["asset 1", "data"]),
        (ONE + "seed = -1\n", ["asset 1", "$.seed"]),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, text: str, words: list[str]) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(FleetError) as raised:
        read_assets(path)
    for word in [str(path), *words]:
        assert word in str(raised.value)


def test_the_sample_for_a_cluster_is_a_fleet() -> None:
    sample = Path(__file__).parents[3] / "deploy" / "spark" / "fleet.toml"
    assert [asset.name for asset in read_assets(sample)] == ["pump-1", "pump-2", "fan-3"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"plant\.toml: cannot be read: No such file"):
        read_assets(tmp_path / "plant.toml")


def test_a_pattern_names_each_recording_after_its_stem(tmp_path: Path) -> None:
    for name in ("b.npz", "a.npz", "c.csv"):
        (tmp_path / name).touch()
    (tmp_path / "run.2").mkdir()
    found = matching_assets(str(tmp_path / "*.npz"), {"unit": "g", "recipe": "larzalere"})
    assert [(a.name, a.data) for a in found] == [
        ("a", str(tmp_path / "a.npz")),
        ("b", str(tmp_path / "b.npz")),
    ]
    assert {(a.unit, a.recipe) for a in found} == {("g", "larzalere")}
    (folder,) = matching_assets(str(tmp_path / "run*"), {})
    assert folder.name == "run.2"


def test_a_pattern_must_match_recordings_of_different_names(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="matches no recording"):
        matching_assets(str(tmp_path / "*.npz"), {})
    (tmp_path / "a.npz").touch()
    (tmp_path / "a.csv").touch()
    with pytest.raises(FleetError, match="2 assets are named 'a'"):
        matching_assets(str(tmp_path / "a.*"), {})
    (tmp_path / "a b.npz").touch()
    with pytest.raises(FleetError, match="name is 'a b'"):
        matching_assets(str(tmp_path / "*.npz"), {})
