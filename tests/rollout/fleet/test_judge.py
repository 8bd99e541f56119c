import msgspec
import pytest
from gateways import Voice, wanted

from edge_agent.rollout.fleet.judge import before_of, judge
from edge_agent.rollout.messages import RemoteSettings, Report, UpdateState

NEW = wanted("1.1.0")
WANTED = {NEW.line: NEW.sha256}


@pytest.fixture
def proof() -> Report:
    return Voice("gw-1", runs=NEW).report("active", held_s=60.0)


def test_success_is_the_wanted_bytes_after_the_hold_time(proof: Report) -> None:
    assert judge(proof, WANTED, None, 60.0).judged == "succeeded"


def test_a_second_less_is_no_success(proof: Report) -> None:
    assert judge(proof, WANTED, None, 61.0).judged == "holding"
    assert judge(msgspec.structs.replace(proof, held_s=None), WANTED, None, 0.0).judged == "holding"


def test_active_with_the_old_bytes_is_no_success_and_says_what_runs() -> None:
    verdict = judge(Voice("gw-1").report("active", held_s=999.0), WANTED, None, 0.0)
    assert verdict.judged == "working"
    assert verdict.reason is not None
    assert "press-1 runs press 1.0.0" in verdict.reason


def test_one_asset_of_the_line_with_other_bytes_is_enough_to_wait(proof: Report) -> None:
    old = Voice("gw-1").report().running["press-1"]
    mixed = msgspec.structs.replace(proof, running={**proof.running, "press-2": old})
    assert judge(mixed, WANTED, None, 0.0).judged == "working"


def test_assets_of_other_lines_do_not_matter(proof: Report) -> None:
    old = Voice("gw-1").report().running["press-1"]
    other = msgspec.structs.replace(old, line="pump")
    mixed = msgspec.structs.replace(proof, running={**proof.running, "pump-1": other})
    assert judge(mixed, WANTED, None, 0.0).judged == "succeeded"


def test_a_gateway_on_which_nothing_follows_the_line_has_not_succeeded(proof: Report) -> None:
    none = msgspec.structs.replace(proof, running={})
    assert judge(none, WANTED, None, 0.0).reason == "active, but no asset follows line press"


@pytest.mark.parametrize("state", ["rejected", "rolled_back", "failed"])
def test_failures_carry_their_reason(state: UpdateState) -> None:
    verdict = judge(Voice("gw-1").report(state, reason="disk full"), WANTED, None, 0.0)
    assert verdict.judged == "failed"
    assert verdict.reason == f"{state}: disk full"


def test_settings_must_be_in_force(proof: Report) -> None:
    settings = RemoteSettings(publish_features=True)
    assert judge(proof, WANTED, settings, 0.0).judged == "working"
    inforce = msgspec.structs.replace(proof, settings=settings)
    assert judge(inforce, WANTED, settings, 0.0).judged == "succeeded"
    assert judge(proof, WANTED, RemoteSettings(), 0.0).judged == "succeeded"


def test_what_ran_before_is_known_only_where_all_assets_ran_the_same(proof: Report) -> None:
    assert before_of(proof, WANTED).models["press"].version == "1.1.0"
    old = Voice("gw-1").report().running["press-1"]
    mixed = msgspec.structs.replace(proof, running={**proof.running, "press-2": old})
    assert before_of(mixed, WANTED).models == {}
    assert before_of(Voice("gw-1", runs=None).report(), WANTED).models == {}
