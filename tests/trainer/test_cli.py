"""``edge-trainer`` as a user meets it: from a recording to a bundle that a gateway takes."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from waiting import wait_until

from edge_agent.bundle import Bundle, Manifest
from edge_agent.bundle.rows import encode_rows
from edge_agent.recordings import open_recording
from trainer.data import input_spec, read_series
from trainer.evaluate import run
from trainer.outcome import Truth, measure, outcome_of
from trainer.recipe import Recipe, load_recipe, recipe_names

EdgeTrainer = Callable[..., "subprocess.CompletedProcess[str]"]
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def bundle(trained: Any) -> Bundle:
    return Bundle.read(trained.bundle)


def _refused(ended: Any, code: int, *words: str) -> None:
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr
    assert ended.stdout == ""


# --- the whole chain


def test_the_bundle_is_one_that_a_gateway_takes(bundle: Bundle) -> None:
    bundle.verify_golden()
    manifest = bundle.manifest
    assert (manifest.name, manifest.version) == ("pump-7", "0.1.0")
    assert manifest.training.recipe == "default"
    assert manifest.training.healthy == (0, 90)
    assert manifest.training.windows == 85  # five of them are idle
    assert {"tensorflow-cpu", "keras", "numpy"} <= set(manifest.training.versions)
    assert manifest.flow.input.unit == "g"
    assert len(bundle.golden.samples) > 1
    assert bundle.golden.anomaly.any()
    assert 0.0 < manifest.flow.model.washout_tolerance < 0.1


def test_it_finds_the_defect_and_nothing_before(trained: Any) -> None:
    found = trained.evaluation
    assert found.verdicts["all"].alarms_in_healthy == 0
    assert 110 <= found.verdicts["all"].first_alarm <= 150
    assert len(found.verdicts["all"].alarms) == 1
    assert found.windows == 170
    assert found.not_scored == {"washout": 20, "idle": 5, "gap": 1}
    assert set(found.verdicts) >= {"all", "network", "level", "cusum"}


def test_the_manifest_states_what_was_evaluated(trained: Any, bundle: Bundle) -> None:
    metrics, found = bundle.manifest.metrics, trained.evaluation
    assert metrics["first_alarm"] == found.verdicts["all"].first_alarm
    assert metrics["float_first_alarm"] == found.parity.float_first_alarm
    assert metrics["flipped_share"] == found.parity.flipped_share
    assert set(bundle.manifest.baselines) == set(found.verdicts) - {"all"}


def test_replay_gives_row_for_row_what_the_trainer_evaluated(
    trained: Any, bundle: Bundle, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    command = [PROGRAMS / "edge-agent", "replay", "--bundle", trained.bundle]
    command += ["--recording", trained.recording, "--jsonl", rows]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)

    recipe = load_recipe("default")
    recording = open_recording(trained.recording)
    series = read_series(recording, recipe, input_spec(recording, recipe))
    results = run(bundle.manifest.flow, bundle.load().model, series)
    assert rows.read_bytes() == b"".join(encode_rows(result) for result in results)
    found = measure(outcome_of(results, bundle.manifest.flow), Truth(series, (0, 90)))
    assert found == trained.evaluation.verdicts["all"]


def test_nothing_but_the_result_is_on_standard_output_and_no_noise_beside_it(trained: Any) -> None:
    said = [line for line in trained.said.splitlines() if "XNNPACK" not in line]
    assert said == []


def test_inspect_shows_what_is_in_a_bundle(
    trained: Any, bundle: Bundle, edge_trainer: EdgeTrainer, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    text = edge_trainer("inspect", trained.bundle, "--report", page)
    assert text.returncode == 0
    for word in ("pump-7 0.1.0", bundle.sha256, "default, seed 0", "85 windows of 0:90", "x_rms"):
        assert word in text.stdout
    assert page.read_bytes() == bundle.report
    as_json = edge_trainer("inspect", trained.bundle, "--json")
    assert msgspec.json.decode(as_json.stdout, type=Manifest) == bundle.manifest


# --- recipes and features


def test_recipes_are_listed(edge_trainer: EdgeTrainer) -> None:
    text = edge_trainer("recipes")
    assert text.returncode == 0
    listed = msgspec.json.decode(edge_trainer("recipes", "--json").stdout, type=list[Recipe])
    assert [recipe.name for recipe in listed] == recipe_names()
    for recipe in listed:
        assert recipe == load_recipe(recipe.name)
        assert any(
            line.strip().startswith(recipe.name) and line.endswith(recipe.summary)
            for line in text.stdout.splitlines()
        )


def test_features_are_those_that_training_uses(
    edge_trainer: EdgeTrainer, simulated: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    ended = edge_trainer("features", "--data", simulated, "--out", table)
    assert (ended.returncode, ended.stdout) == (0, "")
    recipe = load_recipe("default")
    recording, read = open_recording(simulated), open_recording(table)
    computed = read_series(recording, recipe, input_spec(recording, recipe))
    stored = np.concatenate([block.samples for block in read.blocks()])
    assert read.channels == computed.names
    np.testing.assert_array_equal(stored, computed.vectors)


@pytest.mark.parametrize(
    "command", ["", "collect", "recipes", "features", "train", "evaluate", "compare", "inspect"]
)
def test_every_command_helps_with_an_example(edge_trainer: EdgeTrainer, command: str) -> None:
    ended = edge_trainer(*command.split(), "--help")
    assert ended.returncode == 0
    assert f"edge-trainer {command}".strip() in ended.stdout
    if command:
        assert re.search(rf"Example:\n +edge-trainer {command}", ended.stdout)


# --- what is refused, and how


@pytest.mark.parametrize("given", ["5", "5:", ":5", "5:5", "9:5", "a:b", "-1:5", "1.0:5", "1:2:3"])
def test_a_healthy_part_is_two_whole_numbers(
    edge_trainer: EdgeTrainer, simulated: Path, tmp_path: Path, given: str
) -> None:
    out = tmp_path / "b.edgemodel"
    ended = edge_trainer("train", "--data", simulated, f"--healthy={given}", "--out", out)
    _refused(ended, os.EX_USAGE, repr(given), "allowed: A:B")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("--recipe", "nope"), os.EX_USAGE, ["'nope' not found", "larzalere"]),
        (("--name", "my pump"), os.EX_USAGE, ["name is 'my pump', allowed: [A-Za-z0-9_.-]{1,64}"]),
        (("--version", "1.0"), os.EX_USAGE, ["version is '1.0', allowed: SemVer"]),
        (("--seed", "-1"), os.EX_USAGE, ["--seed"]),
        (("--budget", "one"), os.EX_USAGE, ["--budget", "'one' found", "such as 1/month"]),
        (("--channels", "q"), os.EX_DATAERR, ["bearing.npz", "'q'", "allowed: x"]),
        (("--window", "9999"), os.EX_DATAERR, ["window is 9999 samples, allowed: 1 to 2048"]),
        (("--hop", "99999999"), os.EX_DATAERR, ["bearing.npz", "hop is 99999999, allowed: 1 to"]),
        (("--rate-hz", "nan"), os.EX_DATAERR, ["rate_hz is nan"]),
        (("--unit", "furlong"), os.EX_DATAERR, ["bearing.npz", "furlong"]),
        (("--healthy", "0:9"), os.EX_DATAERR, ["9 windows", "at least 20"]),
        (("--healthy", "0:999"), os.EX_DATAERR, ["bearing.npz", "0:999, allowed: within 0:170"]),
        (("--data", "nope.npz"), os.EX_DATAERR, ["nope.npz: does not exist"]),
        (("--out", "nowhere/b.edgemodel"), os.EX_UNAVAILABLE, ["nowhere"]),
        (("--report", "nowhere/r.html"), os.EX_UNAVAILABLE, ["nowhere"]),
    ],
)
def test_what_cannot_work_is_refused_before_the_training(
    tensorflow: None,
    edge_trainer: EdgeTrainer,
    simulated: Path,
    tmp_path: Path,
    change: tuple[str, str],
    code: int,
    words: list[str],
) -> None:
    out = tmp_path / "b.edgemodel"
    options = {"--data": simulated, "--healthy": "0:90", "--out": out} | dict([change])
    given = [word for option in options.items() for word in option]
    refused = edge_trainer("train", *given)
    _refused(refused, code, *words)
    assert "epoch" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_feature_that_is_not_installed_is_unavailable(
    edge_trainer: EdgeTrainer, simulated: Path, tmp_path: Path
) -> None:
    text = (Path(__file__).parents[2] / "trainer/recipes/default.toml").read_text()
    recipe = tmp_path / "mine.toml"
    recipe.write_text(text.replace('plugin = "skewness"', 'plugin = "nope"'))
    given = ("--data", simulated, "--recipe", recipe, "--out", tmp_path / "t.csv")
    _refused(edge_trainer("features", *given), os.EX_UNAVAILABLE, "nope")


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "zip"), (b"PK\x03\x04 torn", "zip"), (b"no bundle", "zip")]
)
def test_a_file_that_is_no_bundle_is_refused(
    edge_trainer: EdgeTrainer, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "b.edgemodel"
    path.write_bytes(content)
    _refused(edge_trainer("inspect", path), os.EX_DATAERR, str(path))


def test_a_table_goes_to_a_folder_that_is_there(
    edge_trainer: EdgeTrainer, simulated: Path, tmp_path: Path
) -> None:
    out = tmp_path / "nowhere" / "t.csv"
    _refused(
        edge_trainer("features", "--data", simulated, "--out", out), os.EX_UNAVAILABLE, str(out)
    )


def _without(*modules: str) -> list[str]:
    hidden = "".join(f"sys.modules[{name!r}] = None; " for name in modules)
    return [sys.executable, "-c", f"import sys; {hidden}from trainer.cli import main; main()"]


def test_without_the_extra_training_names_it_and_the_rest_works(
    simulated: Path, tmp_path: Path
) -> None:
    bare = _without("tensorflow", "keras", "matplotlib", "jinja2")
    given = ["--data", str(simulated), "--out", str(tmp_path / "out")]
    ended = subprocess.run(
        [*bare, "train", *given, "--healthy", "0:90"], capture_output=True, text=True, check=False
    )
    _refused(ended, os.EX_UNAVAILABLE, "tensorflow, matplotlib, jinja2", "edge-agent[trainer]")
    for command in (["recipes"], ["features", *given]):
        assert subprocess.run([*bare, *command], capture_output=True, check=False).returncode == 0


def has_tensorflow_below(parent: int) -> bool:
    """Say whether a child of ``parent`` has TensorFlow in its memory."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return any("libtensorflow" in Path(f"/proc/{child}/maps").read_text() for child in children)


def test_stopped_it_says_so_and_leaves_nothing(
    tensorflow: None, simulated: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "endless.toml"
    text = (Path(__file__).parents[2] / "trainer/recipes/default.toml").read_text()
    recipe.write_text(
        text.replace("epochs = 60", "epochs = 1000000").replace("patience = 12\n", "")
    )
    # tests that run in the background of a shell may have been told to ignore the signal
    command = ["env", "--default-signal=INT", str(PROGRAMS / "edge-trainer"), "train"]
    command += ["--recipe", str(recipe), "--data", str(simulated)]
    command += ["--healthy", "0:90", "--out", str(tmp_path / "b")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert wait_until(lambda: has_tensorflow_below(process.pid), 300.0)
            os.killpg(process.pid, signal.SIGINT)
            _, said = process.communicate(timeout=200)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == os.EX_TEMPFAIL
    assert "Traceback" not in said
    assert said.endswith("stopped\n")
    assert list(tmp_path.iterdir()) == [recipe]


def test_a_baseline_ships_in_the_same_format_and_needs_no_tensorflow(
    simulated: Path, tmp_path: Path
) -> None:
    bare = _without("tensorflow", "keras")
    out = tmp_path / "plain.edgemodel"
    given = ["--data", str(simulated), "--healthy", "0:90", "--out", str(out)]
    ended = subprocess.run(
        [*bare, "train", *given, "--detector", "cusum"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "cusum" in ended.stdout
    bundle = Bundle.read(out)
    bundle.verify_golden()
    assert (bundle.model, bundle.manifest.training.recipe) == (None, "cusum")
    ended = subprocess.run(
        [*bare, "train", *given, "--detector", "cusums"],
        capture_output=True,
        text=True,
        check=False,
    )
    _refused(ended, os.EX_USAGE, "--detector is 'cusums', allowed: network, baseline, cusum, ewma")
