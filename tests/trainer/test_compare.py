"""``edge-trainer compare``: recipes, bundles and plain methods on one recording."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from edge_agent.calibration.series import DataError, Series
from edge_agent.recordings import open_recording
from trainer.compare import Arena, Comparison, Row, compare_all
from trainer.data import input_spec, read_series
from trainer.evaluate_bundle import Known
from trainer.learn import Detector, Learned, learn
from trainer.recipe import Recipe, load_recipe
from trainer.table import write_table
from trainer.train import Order, train

PLAIN = [
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
]
HEALTHY, FAULTY = (0, 150), 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_series: Callable[..., Any]) -> Path:
    """A run of 240 minutes, a fifth louder from minute 200 on, and its labels; a healthy one."""
    path = tmp_path_factory.mktemp("compare")
    names = ("a_rms", "a_peak")
    for name, factor in (("run.csv", 1.2), ("healthy.csv", 1.0)):
        noise = np.random.default_rng(4 if factor == 1.0 else 5).standard_normal((240, 2))
        level = np.where(np.arange(240) < FAULTY, 1.0, factor)[:, None]
        series: Series = make_series(level * np.exp(0.01 * noise) * [1.0, 3.0], names)
        write_table(path / name, series)
    flags = (np.arange(240) >= FAULTY).astype(int)
    (path / "labels.txt").write_text("\n".join(map(str, flags)))
    return path


@pytest.fixture(scope="module")
def without_network() -> Recipe:
    """The default recipe around no network at all."""
    recipe = load_recipe("default")
    return replace(recipe, name="plain", quantization="none", network=None, fit=None)


def _arena(folder: Path, healthy: tuple[int, int] = HEALTHY, **known: Any) -> Arena:
    return Arena(open_recording(folder / "run.csv"), healthy, Known(healthy, **known))


def _by_name(found: Comparison) -> dict[str, Row]:
    return {row.name: row for row in found.rows}


def test_all_contestants_stand_in_one_table(folder: Path, without_network: Recipe) -> None:
    found = compare_all(_arena(folder, fpt=FAULTY), [without_network], [], seeds=3)
    rows = _by_name(found)
    assert list(rows) == ["plain", *PLAIN]
    assert (found.windows, found.healthy, found.labelled_rows) == (240, HEALTHY, None)
    # without a network nothing is left to chance
    assert (rows["plain"].kind, rows["plain"].seeds, rows["plain"].parity) == ("system", (0,), ())
    for row in rows.values():
        assert row.problem is None
    for name in ("plain", "rms-3-sigma", "rms-5-sigma", "ewma", "cusum"):
        row = rows[name]
        assert 0 <= row.spread["delay_to_fpt"].median <= 8
        assert row.spread["alarms_in_healthy"].median == 0


def test_labels_bring_the_row_of_a_random_score(folder: Path, without_network: Recipe) -> None:
    arena = _arena(folder, labels=folder / "labels.txt", buffer=10)
    rows = _by_name(compare_all(arena, [without_network], [], seeds=1))
    assert list(rows) == ["plain", *PLAIN, "random"]
    assert rows["plain"].spread["vus_pr"].median > 0.9
    assert rows["random"].spread["vus_pr"].median < 0.5
    assert rows["random"].spread["point_adjusted_f1"].median > 0.5


def test_training_may_be_on_another_recording(folder: Path, without_network: Recipe) -> None:
    elsewhere = open_recording(folder / "healthy.csv")
    arena = _arena(folder, (10, 240), healthy_recording=elsewhere, labels=folder / "labels.txt")
    rows = _by_name(compare_all(arena, [without_network], [], seeds=1))
    assert rows["plain"].spread["event_f1"].median == 1.0
    assert rows["plain"].spread["alarms_in_healthy"].median == 0
    arena = _arena(folder, (10, 241), healthy_recording=elsewhere)
    with pytest.raises(DataError, match=r"healthy.csv: --healthy is 10:241, allowed: within 0:240"):
        compare_all(arena, [without_network], [], seeds=1)


def test_a_recipe_that_cannot_be_trained_does_not_end_the_others(
    folder: Path, without_network: Recipe
) -> None:
    threshold = replace(without_network.threshold, parameter=-1.0)
    wrong = replace(without_network, name="wrong", threshold=threshold)
    found = compare_all(_arena(folder), [wrong, without_network], [], seeds=1)
    row = _by_name(found)["wrong"]
    assert row.problem is not None
    assert "is -1.0, allowed: 0 to inf" in row.problem
    assert (row.seeds, row.verdicts, row.spread) == ((), (), {})
    assert _by_name(found)["plain"].problem is None


@pytest.mark.usefixtures("without_pictures")
def test_a_bundle_is_judged_as_it_is(folder: Path, without_network: Recipe, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'trainer'")
    pytest.importorskip("jinja2", reason="needs the extra 'trainer'")
    recording = open_recording(folder / "run.csv")
    spec = input_spec(recording, without_network)
    series = read_series(recording, without_network, spec)
    order = Order(without_network, HEALTHY, "plain", "1.0.0")
    bundle = tmp_path / "plain.edgemodel"
    bundle.write_bytes(train(order, recording, series).bundle)
    rows = _by_name(compare_all(_arena(folder), [without_network], [bundle], seeds=1))
    assert rows[str(bundle)].kind == "bundle"
    assert rows[str(bundle)].verdicts == rows["plain"].verdicts


def _toml_without_network() -> str:
    text = (Path(__file__).parents[2] / "trainer/recipes/default.toml").read_text()
    tables = text.replace('quantization = "dynamic"', 'quantization = "none"').split("\n\n")
    return "\n\n".join(t for t in tables if not t.startswith(("[network]", "[fit]")))


def test_seeds_give_median_and_range(
    folder: Path, without_network: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def luck(recipe: Recipe, series: Series, healthy: tuple[int, int], seed: int) -> Learned:
        learned = learn(without_network, series, healthy)
        # above the threshold of the seed 2 nothing comes
        factor = (1.0, 1.5, 1e9)[seed]
        spec = learned.shipped.spec
        threshold = replace(spec.threshold, value=spec.threshold.value * factor)
        alone = replace(spec, threshold=threshold, level=None)
        return Learned(learned.ready, Detector(alone, learned.shipped.model), None)

    monkeypatch.setattr("trainer.compare.learn", luck)
    row = compare_all(_arena(folder), [load_recipe("default")], [], seeds=3).rows[0]
    assert row.seeds == (0, 1, 2)
    first = row.spread["first_alarm"]
    assert FAULTY <= first.low <= first.median <= first.high <= FAULTY + 10
    assert first.missing == 1
    assert row.spread["counts"].low == 0.0


@pytest.mark.training
def test_quantized_stands_beside_float(
    tensorflow: None, folder: Path, edge_trainer: Any, tmp_path: Path
) -> None:
    text = (Path(__file__).parents[2] / "trainer/recipes/default.toml").read_text()
    recipe = tmp_path / "quick.toml"
    recipe.write_text(text.replace("epochs = 60", "epochs = 1").replace('"default"', '"quick"'))
    given = ("compare", folder / "run.csv", "--healthy", "0:150", "--recipes", recipe)
    ended = edge_trainer(*given, "--labels", folder / "labels.txt", "--seeds", 1, "--json")
    assert ended.returncode == 0, ended.stderr
    row = _by_name(msgspec.json.decode(ended.stdout, type=Comparison))["quick"]
    (parity,) = row.parity
    assert parity.quantized_first_alarm == parity.float_first_alarm
    assert parity.vus_pr_difference is not None
    assert abs(parity.vus_pr_difference) <= 0.005


def test_the_command_prints_a_table(edge_trainer: Any, folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "plain.toml"
    recipe.write_text(_toml_without_network())
    given = ("compare", folder / "run.csv", "--healthy", "0:150", "--recipes", recipe)
    ended = edge_trainer(*given)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].endswith("run.csv: 240 windows, trained on 0:150")
    assert lines[1].split()[:3] == ["seeds", "first", "alarm"]
    assert [line.split("  ")[0] for line in lines[2:]] == ["default", *PLAIN]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (["--recipes", "nope"], os.EX_USAGE, "'nope' not found"),
        (["--seeds", "0"], os.EX_USAGE, "--seeds"),
        (["--healthy", "0:241"], os.EX_DATAERR, "run.csv: --healthy is 0:241, allowed: within 0:"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tensorflow: None, edge_trainer: Any, folder: Path, change: list[str], code: int, words: str
) -> None:
    given = ("compare", folder / "run.csv", "--healthy", "0:150", "--recipes", "default")
    ended = edge_trainer(*given, *change)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert words in ended.stderr
