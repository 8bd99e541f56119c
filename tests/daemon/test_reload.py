"""Bundles read again, and nothing else: what is swapped, what goes, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fitted import renamed

from edge_agent.daemon.config.draft import load_config
from edge_agent.daemon.config.problems import ConfigError
from edge_agent.daemon.judged import judge
from edge_agent.daemon.models import Models
from edge_agent.daemon.mqtt.credentials import Credentials
from edge_agent.daemon.reload import Running, plan_renewal

WriteConfig = Callable[..., Path]


@pytest.fixture
def running(write_config: WriteConfig) -> Running:
    config, models = load_config(write_config()), Models(None)
    judged = {asset.name: judge(asset, models) for asset in config.asset}
    return Running(config, Credentials(None, ()), models, judged)


def test_a_bundle_that_has_changed_is_swapped_and_the_configuration_is_not_read(
    running: Running, bundle_file: Path
) -> None:
    bundle_file.with_name("config.toml").write_text("somebody is editing")
    plan = plan_renewal(running)
    assert (plan.begin, plan.swap, plan.removed, plan.reconnect) == ((), (), (), False)
    bundle_file.write_bytes(renamed(bundle_file.read_bytes(), "2.0.0"))
    plan = plan_renewal(running)
    (swapped,) = plan.swap
    assert swapped.bundle is not None
    assert swapped.bundle.manifest.version == "2.0.0"
    assert plan.begin == ()


def test_a_bundle_that_was_taken_away_is_not_used_any_more(
    running: Running, bundle_file: Path
) -> None:
    bundle_file.unlink()
    (gone,) = plan_renewal(running).begin
    assert gone.bundle is None
    none_before = Running(running.config, running.credentials, running.models, {})
    assert plan_renewal(none_before).begin == ()


def test_a_bundle_that_cannot_be_used_leaves_the_former_one(
    running: Running, bundle_file: Path
) -> None:
    bundle_file.write_bytes(b"PK nonsense")
    with pytest.raises(ConfigError, match=r"pump-1: asset\[0\].bundle: found "):
        plan_renewal(running)


def test_the_first_bundle_of_an_asset_begins_it(running: Running) -> None:
    none_before = Running(running.config, running.credentials, running.models, {})
    (begun,) = plan_renewal(none_before).begin
    assert begun.bundle is not None
