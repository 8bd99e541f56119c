"""``edge-agent model`` where the agent runs: it is asked, and scores on meanwhile."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Mosquitto
from fitted import LINE, renamed, wanted
from sites import Site
from waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def site(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Site]:
    made = Site(tmp_path, mosquitto)
    yield made
    made.end()


def model(site: Site, *arguments: object) -> subprocess.CompletedProcess[str]:
    command, *rest = map(str, arguments)
    return subprocess.run(
        [
            *(sys.executable, "-m", "edge_agent.cli.agent", "model"),
            *(command, "--config", str(site.config), *rest),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stick_is_installed_by_a_running_agent_and_what_is_wrong_with_it_is_an_exit_code(
    site: Site, samples_bundle: bytes
) -> None:
    old, new, other = (
        renamed(samples_bundle, version, name)
        for version, name in (("1.0.0", "press"), ("1.1.0", "press"), ("1.0.0", "saw"))
    )
    site.publish(old)
    desire = site.want(old)
    site.start()
    site.until("active", desire)
    assert wait_until(lambda: site.scored_by(wanted(old).sha256)), site.told()
    assert wait_until(lambda: (site.standing().held_s or 0.0) >= 1.0), site.told()
    site.gateway.publish(new, other)
    stick = site.gateway.forge.export(site.home / "stick")
    since = len(site.scores)
    ran = model(site, "install", stick, "--model", "press@1.1.0", "--json")
    assert ran.returncode == 0, ran.stderr + site.told()
    assert json.loads(ran.stdout)["version"] == "1.1.0"
    assert site.sha256() == wanted(new).sha256
    assert wait_until(lambda: site.scored_by(wanted(new).sha256, since)), site.told()
    assert site.until("rolled_back").reason is not None
    ran = model(site, "install", stick, "--model", "press@1.0.0")
    assert ran.returncode == 77, ran.stderr
    assert "version 1.0.0 below 1.1.0" in ran.stderr
    file = site.home / "broken.edgemodel"
    file.write_bytes(b"no bundle")
    assert model(site, "install", file, "--unsigned").returncode == 65
    ran = model(site, "rollback", "--line", LINE)
    assert ran.returncode == 0, ran.stderr
    assert "is used again, not 1.1.0-" in ran.stdout
    assert site.sha256() == wanted(old).sha256
    assert site.stop() == 0
