from collections.abc import Callable
from pathlib import Path

import pytest
from fitted import GATEWAY, enrol

from edge_agent.daemon.config.check import Findings, check_config
from edge_agent.daemon.config.draft import load_config
from edge_agent.daemon.config.enrolled import enrolled_as
from edge_agent.rollout.enrolment import FILE, KEY_FILE, PASSWORD_FILE

WriteConfig = Callable[..., Path]

CONFIG = f"""\
gateway = "{GATEWAY}"
state_dir = "state"
[update]
enrolment = "enrolment"
[[asset]]
name = "pump-1"
bundle = "samples.edgemodel"
[asset.sensor]
plugin = "bench"
"""


@pytest.fixture
def config(write_config: WriteConfig) -> Path:
    """Of an agent that is enrolled, and has its broker's password beside its key."""
    path = write_config(CONFIG)
    folder = path.parent / "enrolment"
    enrol(folder, b"root metadata")
    password = folder / PASSWORD_FILE
    password.write_text("secret\n")
    password.chmod(0o600)
    return path


def checked(config: Path) -> Findings:
    return check_config(config, offline=True)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640])
def test_secrets_that_owner_and_group_may_read_are_as_they_should_be(
    config: Path, mode: int
) -> None:
    for name in (KEY_FILE, PASSWORD_FILE):
        (config.parent / "enrolment" / name).chmod(mode)
    findings = checked(config)
    assert (findings.problems, findings.warnings) == ([], [])
    assert enrolled_as(load_config(config)).exposed is None


@pytest.mark.parametrize("name", [KEY_FILE, PASSWORD_FILE])
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
def test_a_secret_that_everybody_may_read_is_warned_of(config: Path, name: str, mode: int) -> None:
    file = config.parent / "enrolment" / name
    file.chmod(mode)
    findings = checked(config)
    assert findings.problems == []
    (warning,) = findings.warnings
    assert str(warning) == (
        f"{config}: line 4, update.enrolment: found {file} with mode 0{mode:o}, open to every user;"
        " allowed: what the agent alone can read"
    )


def test_a_gateway_whose_key_lies_open_is_updated_all_the_same(config: Path) -> None:
    folder = config.parent / "enrolment"
    (folder / KEY_FILE).chmod(0o644)
    enrolled = enrolled_as(load_config(config))
    assert (enrolled.folder, enrolled.unusable) == (str(folder), None)
    assert "mode 0644" in str(enrolled.exposed)


def test_what_is_no_enrolment_is_not_used(config: Path) -> None:
    (config.parent / "enrolment" / FILE).unlink()
    enrolled = enrolled_as(load_config(config))
    assert (enrolled.folder, enrolled.exposed) == (None, None)
    assert "no enrolment" in str(enrolled.unusable)
