"""A gateway that is told what to run: real agent, real broker, real verification."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fitted import GATEWAY, renamed, wanted
from msgspec.structs import replace
from nervous import more_nervous
from securesystemslib.signer import CryptoSigner
from sites import Site
from waiting import wait_until
from web import serving

from edge_agent.daemon.commands.requests import Model
from edge_agent.daemon.status import read_report
from edge_agent.daemon.update.operator_settings import OperatorSettings
from edge_agent.rollout.messages import RemoteSettings, Terms

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


def test_a_model_may_come_from_a_web_server(site: Site, old: bytes) -> None:
    site.gateway.publish(old)  # and nothing of it on the broker
    with serving(site.gateway.forge.export(site.home / "www")) as url:
        config = site.config.read_text()
        site.config.write_text(config.replace("[update]", f'[update]\nrepository = "{url}"'))
        desire = site.want(old)
        site.start()
        site.until("active", desire)
    assert wait_until(lambda: site.scored_by(sha(old))), site.told()


def test_operators_and_gateway_are_told_of_a_key_that_lies_open(site: Site, old: bytes) -> None:
    key = site.home / "enrolment" / "gateway.pem"
    key.chmod(0o644)
    site.publish(old)
    site.start()
    exposed = f"{key} with mode 0644, open to every user"
    assert exposed in site.until("active", site.want(old)).warnings
    assert exposed in site.until("verifying").warnings
    report = read_report(GATEWAY, site.home / "state").update
    assert report is not None
    assert exposed in report.warnings


def test_a_model_that_calls_too_often_is_not_taken_over(site: Site, old: bytes) -> None:
    nervous = more_nervous(old)
    site.install(old)
    site.publish(old, nervous)
    site.start()
    assert wait_until(lambda: site.scored_by(sha(old))), site.told()
    desire = site.want(nervous)
    reason = str(site.until("rolled_back", desire).reason)
    assert reason.startswith("trial bad: press-1: ")
    assert "alone in alarm in" in reason
    assert site.sha256() == sha(old)
    assert not site.scored_by(sha(nervous))


def test_only_what_the_operators_have_signed_is_followed(
    site: Site, old: bytes, new: bytes
) -> None:
    site.install(old)
    site.publish(old, new)
    site.start()
    assert wait_until(lambda: site.scored_by(sha(old))), site.told()
    thief = CryptoSigner.generate_ed25519()
    site.send(site.gateway.forge.seal(site.gateway.desire(new), [thief]))
    assert wait_until(lambda: any("desire refused" in w for w in warnings(site))), site.told()
    assert site.standing().state == "idle"
    site.send(b"{}")
    site.send(b"x" * 70_000)
    site.send(b"")
    assert site.sha256() == sha(old)
    desire = site.want(new)
    assert site.until("active", desire).running["press-1"].sha256 == sha(new)


def test_a_desire_that_is_replaced_in_the_middle_leaves_nothing_behind(
    site: Site, old: bytes, new: bytes, samples_bundle: bytes
) -> None:
    newest = renamed(samples_bundle, "1.2.0")
    site.install(old)
    site.publish(old, new, newest)
    site.start()
    assert wait_until(lambda: site.scored_by(sha(old))), site.told()
    first = site.want(new, terms=Terms(min_windows=100_000))
    site.until("trial", first)
    second = site.want(newest)
    assert site.until("active", second).running["press-1"].sha256 == sha(newest)
    placed = site.lines().installed("press").values()
    assert {one.version for one in placed} == {"1.0.0", "1.2.0"}


def test_what_runs_already_is_active_at_once(site: Site, old: bytes) -> None:
    site.install(old)
    site.publish(old)
    site.start()
    assert wait_until(lambda: site.scored_by(sha(old))), site.told()
    desire = site.want(old)
    assert site.until("active", desire).reason == "runs already"
    assert "trial" not in {report.state for report in site.reports}


def test_settings_from_afar_are_in_force_and_kept_once_all_is_well(site: Site, old: bytes) -> None:
    site.install(old)
    site.publish(old)
    site.start()
    assert wait_until(lambda: site.scored_by(sha(old))), site.told()
    desire = site.want(settings=RemoteSettings(publish_features=True), terms=Terms(hold_s=0.1))
    assert site.until("active", desire).settings == RemoteSettings(publish_features=True)
    assert wait_until(lambda: site.features), site.told()
    state_dir = site.home / "state"
    assert wait_until(lambda: OperatorSettings(state_dir).kept.confirmed is not None), site.told()
    nonsense = RemoteSettings(false_alarms_per_month={"press-1": 1e-9})
    refused = site.want(settings=nonsense)
    assert "false_alarms_per_month" in str(site.until("rejected", refused).reason)
    unknown = site.want(settings=RemoteSettings(period_s={"press-9": 1.0}))
    assert "allowed: assets press-1" in str(site.until("rejected", unknown).reason)
    n = len(site.features)
    assert wait_until(lambda: len(site.features) > n), site.told()


def test_a_week_without_a_broker_costs_nothing_but_the_news(
    site: Site, old: bytes, new: bytes
) -> None:
    site.install(old)
    site.publish(old)
    site.start()
    assert wait_until(lambda: site.scored_by(sha(old))), site.told()
    site.broker.stop()
    n = site.scored()
    assert wait_until(lambda: site.scored() > n + 20), site.told()
    site.broker.start()  # it has forgotten all that it had retained
    site.publish(old, new)
    desire = site.want(new)
    assert site.until("active", desire).running["press-1"].sha256 == sha(new)


def test_who_stands_at_the_gateway_takes_a_model_back(site: Site, old: bytes, new: bytes) -> None:
    site.install(old)
    site.publish(old, new)
    site.start()
    desire = site.want(new)
    site.until("active", desire)
    answer = site.ask(Model(id="1", by="kim", action="rollback"))
    assert (answer.result, answer.data["line"]) == ("ok", "press"), site.told()
    assert site.sha256() == sha(old)
    since = len(site.scores)
    assert wait_until(lambda: site.scored_by(sha(old), since)), site.told()
    assert "by kim" in str(site.until("rolled_back", desire).reason)
    brought = site.home / "brought.edgemodel"
    brought.write_bytes(new)
    install = Model(id="3", by="kim", action="install", line="press", path=str(brought))
    unsigned = site.ask(install)
    assert (unsigned.result, unsigned.data["placing"]["kind"]) == ("refused", "refused")
    taken = site.ask(replace(install, id="4", unsigned=True))
    assert taken.result == "ok", taken.reason
    assert wait_until(lambda: site.sha256() == sha(new))
    since = len(site.scores)
    assert wait_until(lambda: site.scored_by(sha(new), since)), site.told()
    refused = site.ask(Model(id="2", by="kim", action="rollback", line="lathe"))
    assert "nothing was in use before" in str(refused.reason)


def warnings(site: Site) -> list[str]:
    return [warning for report in site.reports for warning in report.warnings]
