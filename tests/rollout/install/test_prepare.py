from pathlib import Path

import msgspec
import pytest
from fitted import LINE, SENSOR, Gateway, enrol, renamed, wanted
from forge import Forge, in_days

from edge_agent.disk import DISK
from edge_agent.rollout.install.orders import AssetFacts
from edge_agent.rollout.install.prepare import prepare
from edge_agent.rollout.install.turn import one_at_a_time
from edge_agent.rollout.messages import Order, RemoteSettings, Terms


def test_a_first_model_is_staged_and_used_by_nobody_yet(gateway: Gateway, old: bytes) -> None:
    gateway.publish(old)
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(old)))
    assert (outcome.state, outcome.reason) == ("staged", None)
    folder = outcome.staged[LINE]
    assert gateway.lines.model_file(LINE, folder).read_bytes() == old
    assert gateway.lines.current(LINE) is None
    assert [said.state for said in gateway.said] == ["downloading", "verifying"]
    reports = [*map(gateway.report, gateway.said), gateway.report(outcome)]
    assert [report.state for report in reports] == ["downloading", "verifying", "staged"]
    assert [report.number - reports[0].number for report in reports] == [0, 1, 2]
    order = Order(generation=0, epoch=1, counter=1)
    assert {report.answers for report in reports} == {order}
    assert wanted(old).sha256[:8] in folder


def test_what_runs_already_is_staged_without_being_fetched(gateway: Gateway, old: bytes) -> None:
    folder = gateway.run(old)
    gateway.forge.targets.targets.pop(wanted(old).target)
    gateway.forge.publish()
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(old)))
    assert (outcome.state, outcome.staged) == ("staged", {LINE: folder})


def test_what_lies_there_from_before_is_verified_and_not_fetched_again(
    gateway: Gateway, old: bytes, new: bytes
) -> None:
    first = gateway.run(old)
    gateway.run(new)
    stored = next(name for name in gateway.forge.files if wanted(old).sha256 in name)
    del gateway.forge.files[stored]
    back = gateway.desire(old, terms=Terms(allow_downgrade=True))
    outcome = gateway.prepare(gateway.forge.seal(back))
    assert (outcome.state, outcome.staged) == ("staged", {LINE: first})


def test_what_was_damaged_on_the_disk_is_fetched_again(gateway: Gateway, old: bytes) -> None:
    folder = gateway.run(old)
    gateway.lines.model_file(LINE).write_bytes(old[:-1] + b"?")
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(old)))
    assert (outcome.state, outcome.staged) == ("staged", {LINE: folder})
    assert gateway.lines.model_file(LINE).read_bytes() == old


def test_a_lower_version_is_rejected_and_the_gateway_says_why(
    gateway: Gateway, old: bytes, new: bytes
) -> None:
    gateway.run(new)
    gateway.publish(old)
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(old)))
    assert (outcome.state, outcome.again) == ("rejected", False)
    report = gateway.report(outcome)
    assert (report.state, report.rollout) == ("rejected", "r-1")
    assert "version 1.0.0 below 1.1.0, which runs" in str(report.reason)


def test_below_the_floor_of_the_enrolment_nothing_is_installed(tmp_path: Path, old: bytes) -> None:
    forge = Forge()
    member = enrol(tmp_path / "enrolment", forge.first_root, press="1.0.1")
    gateway = Gateway(tmp_path, forge, member)
    gateway.publish(old)
    outcome = gateway.prepare(forge.seal(gateway.desire(old)))
    assert outcome.reason == "line press: version 1.0.0, allowed: 1.0.1 or higher"


def test_what_was_unpublished_is_not_installed_and_asked_for_again(
    gateway: Gateway, old: bytes, new: bytes
) -> None:
    gateway.run(old)
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(new)))
    assert (outcome.state, outcome.again) == ("failed", True)
    assert "test-bearing-1.1.0.edgemodel is not among the targets" in str(outcome.reason)


def test_a_desire_that_the_repository_contradicts_is_rejected(gateway: Gateway, old: bytes) -> None:
    gateway.publish(old)
    model = msgspec.structs.replace(wanted(old), sha256="0" * 64)
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(models=(model,))))
    assert outcome.state == "rejected"
    assert "in the repository, wanted: 000000000000 of" in str(outcome.reason)


def test_a_bundle_for_other_sensors_is_rejected_before_anything_is_placed(
    gateway: Gateway, old: bytes
) -> None:
    gateway.publish(old)
    slow = msgspec.structs.replace(SENSOR, rate_hz=10.0)
    asset = AssetFacts(name="press-1", line=LINE, sensor=slow)
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(old)), assets=(asset,))
    assert outcome.state == "rejected"
    assert "asset press-1: rate_hz: the source has 10.0" in str(outcome.reason)
    assert gateway.lines.names() == ()


def test_of_two_models_one_that_is_refused_keeps_the_other_from_being_staged(
    gateway: Gateway, old: bytes, plain_bundle: bytes
) -> None:
    other = renamed(plain_bundle, "1.0.0", "saw")
    gateway.publish(old, other)
    slow = msgspec.structs.replace(SENSOR, rate_hz=10.0)
    assets = (gateway.asset, AssetFacts(name="saw-1", line="saw", sensor=slow))
    desire = gateway.desire(models=(wanted(old), wanted(other, "saw")))
    outcome = gateway.prepare(gateway.forge.seal(desire), assets=assets)
    assert (outcome.state, outcome.staged) == ("rejected", {})
    assert gateway.lines.names() == ()
    fits = (gateway.asset, AssetFacts(name="saw-1", line="saw", sensor=SENSOR))
    outcome = gateway.prepare(gateway.forge.seal(desire), assets=fits)
    assert outcome.state == "staged"
    assert set(outcome.staged) == {LINE, "saw"}


def test_settings_alone_are_staged_without_a_model(gateway: Gateway) -> None:
    desire = gateway.desire(settings=RemoteSettings(publish_features=True))
    outcome = gateway.prepare(gateway.forge.seal(desire))
    assert (outcome.state, outcome.staged) == ("staged", {})
    assert outcome.desire == desire


def test_a_desire_that_was_begun_with_is_gone_on_with_after_it_expired(
    gateway: Gateway, old: bytes
) -> None:
    gateway.publish(old)
    desire = gateway.desire(old, expires=in_days(-0.001))
    envelope = gateway.forge.seal(desire)
    fresh = gateway.prepare(envelope)
    assert fresh.state == "rejected"
    assert "expired" in str(fresh.reason)
    order = gateway.order(envelope, newest=desire.order, known=desire)
    assert prepare(order, lambda _said: None).state == "staged"


def test_metadata_that_will_expire_are_warned_of_early(gateway: Gateway, old: bytes) -> None:
    gateway.forge.targets.expires = in_days(6.5)
    gateway.publish(old)
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(old)))
    assert outcome.state == "staged"
    assert outcome.warnings == ("targets metadata expire in 6.5 days",)
    assert gateway.report(outcome).warnings == outcome.warnings


def test_an_order_that_nobody_signed_yet_does_not_name_whose_it_is(
    gateway: Gateway, old: bytes
) -> None:
    """With no metadata ever verified nobody's word counts: the state is as it was."""
    gateway.forge.files.clear()
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(old)))
    assert (outcome.state, outcome.again) == (None, True)
    report = gateway.report(outcome)
    assert (report.state, report.answers) == ("idle", None)
    assert "metadata not to be had" in report.warnings[-1]


def test_two_verifications_do_not_work_in_one_folder(gateway: Gateway, old: bytes) -> None:
    gateway.publish(old)
    envelope = gateway.forge.seal(gateway.desire(old))
    with one_at_a_time(gateway.state_dir / "update", DISK):
        outcome = gateway.prepare(envelope)
    assert outcome.again
    assert "something is being verified already" in str(outcome.reason)
    assert gateway.prepare(envelope).state == "staged"


@pytest.mark.parametrize("damage", ["key", "root", "missing"])
def test_an_enrolment_that_is_damaged_verifies_nothing(
    gateway: Gateway, old: bytes, damage: str
) -> None:
    gateway.publish(old)
    envelope = gateway.forge.seal(gateway.desire(old))
    folder = gateway.home / "enrolment"
    if damage == "key":
        enrol(gateway.home / "other", gateway.forge.first_root)
        (folder / "gateway.pem").write_bytes((gateway.home / "other/gateway.pem").read_bytes())
    elif damage == "root":
        (folder / "root.json").write_bytes(b"{}")
    else:
        (folder / "enrolment.json").unlink()
    outcome = gateway.prepare(envelope)
    assert (outcome.state, outcome.report) == (None, None)
    assert str(folder) in str(outcome.reason)


def test_desires_that_were_replaced_leave_nothing_on_the_disk(
    gateway: Gateway, old: bytes, plain_bundle: bytes
) -> None:
    running = gateway.run(old)
    for minor in range(1, 5):
        bundle = renamed(plain_bundle, f"1.{minor}.0")
        gateway.publish(bundle)
        outcome = gateway.prepare(gateway.forge.seal(gateway.desire(bundle)))
        assert set(gateway.lines.installed(LINE)) == {running, outcome.staged[LINE]}
