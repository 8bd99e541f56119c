from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.daemon.config.check import Findings, check_config
from edge_agent.pipeline import runtime
from edge_agent.plugin import load

WriteConfig = Callable[..., Path]

SOUND = """\
gateway = "gw-1"
state_dir = "state"
[[asset]]
name = "pump-1"
bundle = "samples.edgemodel"
[asset.sensor]
plugin = "bench"
"""


@pytest.fixture
def check(write_config: WriteConfig) -> Callable[..., Findings]:
    """``check(text)``: the findings of a configuration that goes on after SOUND."""
    return lambda text="", **how: check_config(write_config(SOUND + text), **how)


CheckText = Callable[..., Findings]


def test_a_sound_configuration_has_no_problem_and_its_sensor_was_opened(check: CheckText) -> None:
    findings = check()
    assert (findings.problems, findings.warnings) == ([], [])
    assert findings.assets[0].opened


def test_offline_the_sensor_is_left_alone(check: CheckText) -> None:
    findings = check("[asset.sensor.options]\ncrash_open = true\n", offline=True)
    assert findings.problems == []
    assert not findings.assets[0].opened


@pytest.mark.parametrize(
    ("text", "where", "found", "allowed"),
    [
        ('unit = "m/s2"\n', "line 8, asset[0].sensor.unit", "'g'", "samples.edgemodel"),
        ("[asset.sensor.options]\nrate_hz = 2048\n", "asset[0].sensor", "2048", "edgemodel"),
        ('[asset.sensor.options]\nunit = "V"\n', "asset[0].sensor", "'V'", "edgemodel"),
        ('[asset.sensor.options]\nchannels = ["y","z"]\n', "asset[0].sensor", "'x'", "edgemodel"),
        (
            "[asset.sensor.options]\nratehz = 1\n",
            "asset[0].sensor.options",
            "'ratehz'",
            "mean rate_hz? ",
        ),
        ("[asset.sensor.options]\nrate_hz = true\n", "asset[0].sensor.options", "rate_hz", "float"),
    ],
)
def test_a_sensor_that_does_not_fit_is_named(
    check: CheckText, text: str, where: str, found: str, allowed: str
) -> None:
    (problem,) = check(text).problems
    assert where in problem.where
    assert found in problem.found
    assert allowed in problem.allowed


@pytest.mark.parametrize(
    ("plugin", "word"),
    [
        ("none", "which is not installed"),
        ("broken", "the driver is missing"),
        ("outdated", "API"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named(
    write_config: WriteConfig, plugin: str, word: str
) -> None:
    (problem,) = check_config(write_config(SOUND.replace('"bench"', f'"{plugin}"'))).problems
    assert "asset[0].sensor.plugin" in problem.where
    assert word in problem.found


@pytest.mark.parametrize("policy", ["retry", "ignore", "probe"])
def test_a_device_that_is_not_there_is_a_warning_where_the_policy_says_so(
    check: CheckText, policy: str
) -> None:
    findings = check(f'on_failure = "{policy}"\n[asset.sensor.options]\nrefuse_open = true\n')
    assert findings.problems == []
    assert "no such device" in findings.warnings[0].found


def test_a_device_that_is_not_there_is_a_problem_under_policy_error(check: CheckText) -> None:
    findings = check('on_failure = "error"\n[asset.sensor.options]\nrefuse_open = true\n')
    assert "no such device" in findings.problems[0].found


def test_a_plugin_that_raises_when_opened_is_named(check: CheckText) -> None:
    findings = check('on_failure = "error"\n[asset.sensor.options]\ncrash_open = true\n')
    assert "ZeroDivisionError" in findings.problems[0].found


@pytest.mark.parametrize("info", ["raises", "is no SensorInfo"])
def test_a_plugin_that_does_not_say_what_it_delivers_is_named(
    check: CheckText, monkeypatch: pytest.MonkeyPatch, info: str
) -> None:
    def answer(_self: object) -> object:
        return 1 / 0 if info == "raises" else 3

    monkeypatch.setattr(load("sensors", "bench"), "info", property(answer))
    (problem,) = check('on_failure = "error"\n').problems
    assert ("ZeroDivisionError" if info == "raises" else "info is 3") in problem.found


def test_without_a_runtime_the_configurations_own_problems_are_still_said(
    check: CheckText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "RUNTIMES", {})
    (problem,) = check("[mqtt]\nport = 0\n").problems
    assert "mqtt.port" in problem.where
    with pytest.raises(runtime.RuntimeMissingError, match="extra 'tflite'"):
        check()


def test_bundle_and_plugin_of_an_asset_that_is_wrong_otherwise_are_looked_at(
    write_config: WriteConfig,
) -> None:
    text = SOUND.replace('"pump-1"', '"pump 1"') + "[asset.sensor.options]\nratehz = 1\n"
    path = write_config(text)
    (path.parent / "samples.edgemodel").write_bytes(b"PK")
    said = [problem.where.rpartition("asset[0].")[2] for problem in check_config(path).problems]
    assert said == ["name", "bundle", "sensor.options"]


def test_an_option_that_may_be_a_secret_is_not_shown(check: CheckText) -> None:
    (problem,) = check("[asset.sensor.options]\ntoken = 271828\n").problems
    assert "token" in problem.found
    assert "271828" not in str(problem)


def test_problems_of_the_file_and_of_what_it_names_come_together(check: CheckText) -> None:
    findings = check("[asset.sensor.options]\nratehz = 1\n[mqtt]\nport = 0\n")
    where = [problem.where for problem in findings.problems]
    assert where == ["line 11, mqtt.port", "line 8, asset[0].sensor.options"]


def test_a_password_that_is_not_there_is_a_problem(
    check: CheckText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    text = '[mqtt]\nusername = "u"\npassword_env = "NO_SUCH_PASSWORD"\n'
    (problem,) = check(text).problems
    assert problem.where.endswith("mqtt.password_env")
    assert problem.allowed == "a variable that holds the password"


def test_a_systemd_credential_can_only_be_warned_of(
    check: CheckText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    findings = check('[mqtt]\nusername = "u"\npassword_credential = "mqtt"\n')
    assert findings.problems == []
    assert len(findings.warnings) == 1
    assert findings.needs_systemd


def test_a_state_directory_that_cannot_be_created_is_a_problem(write_config: WriteConfig) -> None:
    path = write_config(SOUND.replace('"state"', '"file/state"'))
    path.with_name("file").write_text("")
    (problem,) = check_config(path).problems
    assert problem.where == "line 2, state_dir"
    assert "Not a directory" in problem.found


def test_a_check_leaves_nothing_behind(write_config: WriteConfig) -> None:
    path = write_config(SOUND.replace('"state"', '"new/state"'))
    before = sorted(path.parent.rglob("*"))
    assert check_config(path).problems == []
    assert sorted(path.parent.rglob("*")) == before


@pytest.mark.parametrize("name", ["nowhere.edgemodel", "x" * 300], ids=["none", "too long"])
def test_a_missing_bundle_is_named_but_keeps_nothing_from_starting(
    write_config: WriteConfig, name: str
) -> None:
    path = write_config(SOUND.replace("samples.edgemodel", name))
    findings = check_config(path)
    assert (findings.problems, findings.assets) == ([], [])
    problem = findings.absent[0]
    assert (problem.where, problem.allowed) == ("line 5, asset[0].bundle", "an .edgemodel file")
    assert problem.found == f"{path.parent / name}, where there is no file"


def test_a_missing_bundle_is_named_beside_another_assets_problem(
    write_config: WriteConfig,
) -> None:
    wrong = '[[asset]]\nname = 3\nbundle = "b"\nsensor = {}\n'
    findings = check_config(write_config(SOUND.replace("samples", "nowhere") + wrong))
    found = {problem.where.partition(", ")[2] for problem in findings.problems}
    assert found == {"asset[1].name", "asset[1].sensor.plugin"}
    assert list(findings.absent) == [0, 1]


def test_a_damaged_bundle_is_named(write_config: WriteConfig) -> None:
    path = write_config(SOUND)
    bundle = path.parent / "samples.edgemodel"
    bundle.write_bytes(bundle.read_bytes()[:-100])
    (problem,) = check_config(path).problems
    assert "asset[0].bundle" in problem.where
    assert "samples.edgemodel" in problem.found


def test_a_budget_that_the_bundle_cannot_support_is_refused(
    write_config: WriteConfig,
) -> None:
    text = SOUND.replace("[asset.sensor]", "false_alarms_per_month = 1\n[asset.sensor]")

    (problem,) = check_config(write_config(text)).problems

    assert problem.where.endswith("asset[0].false_alarms_per_month")
    assert "carry no rates of false alarms" in problem.found
    assert "samples.edgemodel" in problem.allowed


@pytest.mark.parametrize("value", ["0", "-1", '"1/month"'])
def test_a_budget_is_a_number_of_false_alarms(write_config: WriteConfig, value: str) -> None:
    text = SOUND.replace("[asset.sensor]", f"false_alarms_per_month = {value}\n[asset.sensor]")

    (problem,) = check_config(write_config(text)).problems

    assert problem.where.endswith("asset[0].false_alarms_per_month")
    assert "a number above 0" in problem.allowed


def test_a_velocity_limit_needs_windows_that_have_a_velocity(check: CheckText) -> None:
    (problem,) = check("[asset.velocity_limit]\nmm_s = 4.5\n").problems
    assert "asset[0].velocity_limit" in problem.where
    assert "2000 Hz" in problem.found
    assert "samples.edgemodel" in problem.allowed


@pytest.mark.parametrize(("window", "problems"), [(1024, 1), (4096, 0)])
def test_so_do_those_of_an_asset_that_is_not_commissioned_yet(
    write_config: WriteConfig, general_bundle: bytes, window: int, problems: int
) -> None:
    text = SOUND.replace("samples.", "general.").replace(
        "[asset.sensor]",
        f"window = {window}\n[asset.velocity_limit]\nmm_s = 4.5\n[asset.sensor]",
    )
    path = write_config(f"{text}[asset.sensor.options]\nrate_hz = 4096\n")
    path.with_name("general.edgemodel").write_bytes(general_bundle)
    found = check_config(path).problems
    assert len(found) == problems, found
    assert all("line 7, asset[0].velocity_limit" in one.where for one in found)
    assert all("0.25 s" in one.found for one in found)
    assert all("a longer window" in one.allowed for one in found)
