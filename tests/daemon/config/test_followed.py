from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.daemon.config.check import check_config
from edge_agent.daemon.config.draft import load_config
from edge_agent.daemon.config.followed import bundle_path, followed_line, is_misnamed
from edge_agent.daemon.config.problems import ConfigError

WriteConfig = Callable[..., Path]

FOLLOWING = """\
gateway = "gw-1"
state_dir = "state"
[[asset]]
name = "pump-1"
bundle = "{bundle}"
[asset.sensor]
plugin = "bench"
"""


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True))
def test_the_file_of_a_line_tells_the_line(line: str) -> None:
    said = f"line:{line}"
    path = bundle_path(said, Path("/etc"), Path("/var/lib/edge-agent"))
    assert is_misnamed(said) or followed_line(path, Path("/var/lib/edge-agent")) == line


@pytest.mark.parametrize("path", ["/etc/a.edgemodel", "/model.edgemodel", "/a/b/c/model.edgemodel"])
def test_any_other_file_is_of_no_line(path: str) -> None:
    assert followed_line(path, Path("/var/lib/edge-agent")) is None


def test_an_asset_follows_what_is_installed_below_the_state_folder(
    write_config: WriteConfig,
) -> None:
    path = write_config(FOLLOWING.format(bundle="line:press"))
    (asset,) = load_config(path).asset
    assert asset.bundle == str(path.parent / "state/models/press/current/model.edgemodel")


@pytest.mark.parametrize("line", ["", "..", ".", "a/b", "a b", "x" * 65])
def test_a_line_that_cannot_be_a_folder_is_refused(write_config: WriteConfig, line: str) -> None:
    with pytest.raises(ConfigError, match=r"asset\[0\].bundle: found .*allowed: line: and a name"):
        load_config(write_config(FOLLOWING.format(bundle=f"line:{line}")))


def test_of_a_line_without_a_model_the_check_says_so(write_config: WriteConfig) -> None:
    findings = check_config(write_config(FOLLOWING.format(bundle="line:press")), offline=True)
    assert findings.problems == []
    assert "line press, of which nothing is installed" in str(findings.absent[0])


def test_an_enrolment_that_is_none_is_a_problem(write_config: WriteConfig) -> None:
    config = FOLLOWING.format(bundle="samples.edgemodel") + '[update]\nenrolment = "enrolment"\n'
    findings = check_config(write_config(config), offline=True)
    (problem,) = findings.problems
    assert "line 9, update.enrolment: found " in str(problem)
    assert "enrolment/enrolment.json: no enrolment" in str(problem)


def test_a_repository_is_the_address_of_a_web_server(write_config: WriteConfig) -> None:
    config = FOLLOWING.format(bundle="line:press") + '[update]\nrepository = "{}"\n'
    good = check_config(write_config(config.format("https://models.example/edge")), offline=True)
    assert good.problems == []
    bad = check_config(write_config(config.format("models")), offline=True)
    (problem,) = bad.problems
    assert 'update.repository: found "models"' in str(problem)
