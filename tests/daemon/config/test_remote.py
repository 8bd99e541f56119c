from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edge_agent.daemon.config.check import check_config
from edge_agent.daemon.config.draft import load_config, read_draft
from edge_agent.daemon.config.remote import KeptSettings, read_settings, settings_file
from edge_agent.rollout.messages import RemoteSettings

WriteConfig = Callable[..., Path]

FEATURES = RemoteSettings(publish_features=True)
SCORES = RemoteSettings(publish_score=False)


@pytest.fixture
def kept(write_config: WriteConfig) -> Callable[[KeptSettings], Path]:
    """``kept(settings)``: a configuration over which these are kept."""

    def keep(settings: KeptSettings) -> Path:
        path = write_config()
        file = settings_file(path.parent / "state")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(settings))
        return path

    return keep


def test_what_operators_say_goes_before_what_the_files_say(write_config: WriteConfig) -> None:
    path = write_config()
    remote = RemoteSettings(
        publish_features=True,
        publish_score=False,
        period_s={"pump-1": 5.0},
        false_alarms_per_month={"pump-1": 2.0},
    )
    config = read_draft(path, remote).config
    assert config is not None
    assert (config.publish.features, config.publish.score) == (True, False)
    assert config.asset[0].false_alarms_per_month == 2.0
    assert config.asset[0].sensor.options["period_s"] == 5.0
    assert load_config(path).publish.score


def test_settings_on_trial_are_read_by_one_start_alone(
    kept: Callable[[KeptSettings], Path],
) -> None:
    path = kept(KeptSettings(confirmed=SCORES, trying=FEATURES))
    assert load_config(path).publish.features
    path = kept(KeptSettings(confirmed=SCORES, trying=FEATURES, starts=1))
    publish = load_config(path).publish
    assert (publish.features, publish.score) == (False, False)


def test_a_damaged_file_keeps_no_agent_from_starting(
    kept: Callable[[KeptSettings], Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = kept(KeptSettings(confirmed=SCORES))
    settings_file(path.parent / "state").write_bytes(b"\xff{")
    assert load_config(path).publish.score
    assert read_settings(path.parent / "state") == KeptSettings()
    assert "not usable" in caplog.text


def test_an_asset_that_was_taken_out_of_the_configuration_keeps_no_agent_from_starting(
    kept: Callable[[KeptSettings], Path],
) -> None:
    path = kept(KeptSettings(confirmed=RemoteSettings(period_s={"pump-9": 1.0})))
    assert load_config(path).asset[0].sensor.options == {}


def test_what_cannot_be_is_told_of_with_the_operators_file(
    kept: Callable[[KeptSettings], Path],
) -> None:
    path = kept(KeptSettings(confirmed=RemoteSettings(false_alarms_per_month={"pump-1": 1e-9})))
    (problem,) = check_config(path, offline=True).problems
    assert problem.file == str(settings_file(path.parent / "state"))
    assert problem.where == "asset[0].false_alarms_per_month"
