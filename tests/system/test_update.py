"""A gateway that is told what to run: real agent, real broker, real verification."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fitted import renamed, wanted
from sites import Site
from waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def site(tmp_path: Path, mosquitto: Any) -> Iterator[Site]:
    made = Site(tmp_path, mosquitto)
    yield made
    made.end()


@pytest.fixture(scope="session")
def old(samples_bundle: bytes) -> bytes:
    return renamed(samples_bundle, "1.0.0")


@pytest.fixture(scope="session")
def new(samples_bundle: bytes) -> bytes:
    return renamed(samples_bundle, "1.1.0")


def sha(bundle: bytes) -> str:
    return wanted(bundle).sha256


def test_a_gateway_gets_its_first_model_then_a_better_one_which_holds(
    site: Site, old: bytes, new: bytes
) -> None:
    site.publish(old)
    first = site.want(old)
    site.start()
    site.until("active", first)
    assert wait_until(lambda: site.scored_by(sha(old))), site.told()
    assert "no trial" in str(site.until("active", first).reason)
    site.publish(new)
    second = site.want(new)
    active = site.until("active", second)
    assert active.reason == "trial good on press-1"
    assert wait_until(lambda: site.scored_by(sha(new))), site.told()
    assert wait_until(lambda: (site.reports[-1].held_s or 0.0) >= 1.0), site.told()
    running = site.reports[-1].running["press-1"]
    assert (running.version, running.sha256, running.line) == ("1.1.0", sha(new), "press")
    numbers = [report.number for report in site.reports]
    assert numbers == sorted(set(numbers))
    assert site.stop() == 0
