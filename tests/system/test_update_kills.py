"""The agent killed in every state of an update: one whole model is in use, and it is scoring."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fitted import renamed, wanted
from sites import Site
from waiting import wait_until

from edge_agent.rollout.messages import Desire, RemoteSettings, Terms, UpdateState

pytestmark = pytest.mark.system

ATTEMPTS = 12
HOLD = Terms(min_windows=20, hold_s=1.0)
LONG_HOLD = Terms(min_windows=20, hold_s=600.0)
LONG_TRIAL = Terms(min_windows=100_000, hold_s=1.0)


@pytest.fixture
def site(tmp_path: Path, mosquitto: Any) -> Iterator[Site]:
    made = Site(tmp_path, mosquitto)
    yield made
    made.end()


Versions = Callable[[int], bytes]


@pytest.fixture(scope="session")
def version(samples_bundle: bytes) -> Versions:
    """``version(n)``: the bundle 1.N.0."""
    return lambda n: renamed(samples_bundle, f"1.{n}.0")


def sha(bundle: bytes) -> str:
    return wanted(bundle).sha256


def begin(site: Site, version: Versions, state: UpdateState, terms: Terms) -> tuple[Desire, bytes]:
    """Have 1.0.0 scoring, then kill the agent in ``state`` of an update to the bundle returned."""
    site.install(version(0))
    site.publish(version(0))
    site.start()
    assert wait_until(lambda: site.scored_by(sha(version(0)))), site.told()
    for n in range(1, ATTEMPTS):
        site.publish(version(n))
        desire = site.want(version(n), terms=terms)
        if site.kill_in(state):
            return desire, version(n)
        site.until("active", desire)
    pytest.fail(f"never seen in {state}: {site.told()}")


def goes_on(site: Site) -> str:
    """Start the agent anew; return the sha256 of the one model that is in use, and scores."""
    used = site.sha256()
    assert used is not None
    since = len(site.scores)
    site.start()
    assert wait_until(lambda: len(site.scores) > since + 20), site.told()
    sha256 = site.sha256()
    assert sha256 is not None
    assert wait_until(lambda: site.scored_by(sha256, since)), site.told()
    return used


def test_killed_while_downloading_the_old_model_scores_and_the_new_one_comes(
    site: Site, version: Versions
) -> None:
    desire, new = begin(site, version, "downloading", HOLD)
    assert goes_on(site) != sha(new)
    site.until("active", desire)
    assert wait_until(lambda: site.scored_by(sha(new))), site.told()


def test_killed_while_verifying_the_old_model_scores_and_the_new_one_comes(
    site: Site, version: Versions
) -> None:
    desire, new = begin(site, version, "verifying", HOLD)
    assert goes_on(site) != sha(new)
    site.until("active", desire)
    assert wait_until(lambda: site.scored_by(sha(new))), site.told()


def test_killed_while_staged_the_old_model_scores_and_the_new_one_is_tried(
    site: Site, version: Versions
) -> None:
    desire, new = begin(site, version, "staged", HOLD)
    assert goes_on(site) != sha(new)
    assert "trial good" in str(site.until("active", desire).reason)
    assert wait_until(lambda: site.scored_by(sha(new))), site.told()


def test_killed_during_the_trial_the_old_model_scores_and_the_trial_goes_on(
    site: Site, version: Versions
) -> None:
    _, new = begin(site, version, "trial", LONG_TRIAL)
    assert goes_on(site) == sha(version(0)) != sha(new)
    assert site.standing().state == "trial"
    before = site.reports[0].session
    assert wait_until(lambda: site.reports[-1].session != before), site.told()
    assert wait_until(lambda: site.reports[-1].state == "trial"), site.told()


def test_killed_in_the_commit_the_old_model_scores_and_the_update_is_rolled_back(
    site: Site, version: Versions
) -> None:
    desire, new = begin(site, version, "committing", HOLD)
    goes_on(site)
    assert site.sha256() != sha(new)
    reason = site.until("rolled_back", desire).reason
    assert reason == "the agent ended in the middle of the commit"


def test_killed_while_it_holds_the_new_model_scores_and_goes_on_to_hold(
    site: Site, version: Versions
) -> None:
    desire, new = begin(site, version, "active", LONG_HOLD)
    assert goes_on(site) == sha(new)
    assert site.standing().state == "active"
    assert site.until("active", desire).running["press-1"].sha256 == sha(new)


def test_killed_again_and_again_while_it_holds_the_old_model_is_taken_back(
    site: Site, version: Versions
) -> None:
    desire, new = begin(site, version, "active", LONG_HOLD)
    for _ in range(2):
        assert goes_on(site) == sha(new)
        site.kill()
    site.start()
    reason = site.until("rolled_back", desire).reason
    assert reason == "the agent failed 3 times with it"
    assert site.sha256() not in (None, sha(new))


def test_killed_before_settings_have_held_the_agent_starts_without_them(
    site: Site, version: Versions
) -> None:
    site.install(version(0))
    site.publish(version(0))
    site.start()
    assert wait_until(lambda: site.scored_by(sha(version(0)))), site.told()
    features = RemoteSettings(publish_features=True)
    desire = site.want(settings=features, terms=LONG_HOLD)
    assert site.until("active", desire).settings == features
    assert wait_until(lambda: site.features), site.told()
    site.kill()
    assert goes_on(site) == sha(version(0))
    after = site.until("rolled_back", desire)
    assert after.reason == "the agent did not live to confirm the settings"
    # What the one before had still to send may come; the one that runs sends none.
    assert not [sent for sent in site.features if after.session.encode() in sent]


def test_killed_after_it_was_rejected_the_old_model_scores(site: Site, version: Versions) -> None:
    site.install(version(2))
    site.publish(version(1))
    site.want(version(1))
    site.start()
    assert site.kill_in("rejected")
    assert goes_on(site) == sha(version(2))
    assert "allowed: lower only with --allow-downgrade" in str(site.standing().reason)


def test_killed_after_it_was_rolled_back_the_old_model_scores(
    site: Site, version: Versions
) -> None:
    site.install(version(1))
    site.publish(version(2))
    site.want(version(2), terms=Terms(min_windows=100_000, timeout_s=0.001))
    site.start()
    assert site.kill_in("rolled_back")
    assert goes_on(site) == sha(version(1))
    assert "trial inconclusive in the time given" in str(site.standing().reason)


def test_killed_after_it_failed_the_old_model_scores(site: Site, version: Versions) -> None:
    site.install(version(1))
    site.publish(version(1))
    site.want(version(2), terms=Terms(timeout_s=0.001))
    site.start()
    assert site.kill_in("failed")
    assert goes_on(site) == sha(version(1))
    assert "not among the targets of the repository" in str(site.standing().reason)
