"""Attacks on reports: none of them is believed, and each is named."""

import json
from base64 import b64decode, b64encode
from datetime import timedelta

import msgspec
import pytest
from gateways import NOW, Voice
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from edge_agent.rollout.envelope import seal
from edge_agent.rollout.fleet.sightings import RefusedError, Sightings
from edge_agent.rollout.messages import DESIRE_TYPE, REPORT_TYPE


@pytest.fixture
def voice() -> Voice:
    return Voice("gw-1")


@pytest.fixture
def seen() -> Sightings:
    return Sightings()


def refusal(seen: Sightings, voice: Voice, content: bytes, gateway: str = "gw-1") -> str:
    with pytest.raises(RefusedError) as refused:
        seen.hear(gateway, voice.member, content, NOW)
    return refused.value.kind


def test_a_report_that_the_gateway_signed_is_believed(seen: Sightings, voice: Voice) -> None:
    report = voice.report()
    assert seen.hear("gw-1", voice.member, voice.seal(report), NOW) == report


def test_a_report_signed_by_somebody_else_is_forged(seen: Sightings, voice: Voice) -> None:
    stranger = CryptoSigner.generate_ed25519()
    assert refusal(seen, voice, seal(voice.report(), REPORT_TYPE, [stranger])) == "forged"
    assert seen.gateways == {}


def test_a_report_changed_after_it_was_signed_is_forged(seen: Sightings, voice: Voice) -> None:
    envelope = json.loads(voice.seal(voice.report("rolled_back", reason="bad")))
    payload = b64decode(envelope["payload"]).replace(b"rolled_back", b"active")
    envelope["payload"] = b64encode(payload).decode()
    assert refusal(seen, voice, json.dumps(envelope).encode()) == "forged"


def test_a_gateway_that_signs_nesting_without_end_is_refused(seen: Sightings, voice: Voice) -> None:
    envelope = Envelope(b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}", REPORT_TYPE, {})
    envelope.sign(voice.signer)
    assert refusal(seen, voice, json.dumps(envelope.to_dict()).encode()) == "forged"


def test_a_key_id_that_anybody_wrote_is_named_without_what_a_log_acts_on(
    seen: Sightings, voice: Voice
) -> None:
    envelope = json.loads(voice.seal(voice.report()))
    envelope["signatures"][0]["keyid"] = "\x1b[2J\n'online"
    with pytest.raises(RefusedError, match=r"signed by .*x1b\[2J.*online") as refused:
        seen.hear("gw-1", voice.member, json.dumps(envelope).encode(), NOW)
    assert str(refused.value).isprintable()


def test_a_report_of_another_gateway_is_forged(seen: Sightings, voice: Voice) -> None:
    other = Voice("gw-2")
    assert refusal(seen, voice, other.seal(other.report())) == "forged"
    # Also where that gateway's own key is ours: the name in the report must be the topic's.
    assert refusal(seen, other, other.seal(other.report())) == "forged"


def test_a_signature_for_another_purpose_means_nothing(seen: Sightings, voice: Voice) -> None:
    assert refusal(seen, voice, seal(voice.report(), DESIRE_TYPE, [voice.signer])) == "forged"


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[1]", b"x" * 70_000])
def test_rubbish_is_refused(seen: Sightings, voice: Voice, content: bytes) -> None:
    assert refusal(seen, voice, content) == "forged"


def test_the_same_report_again_is_no_news(seen: Sightings, voice: Voice) -> None:
    content = voice.seal(voice.report())
    seen.hear("gw-1", voice.member, content, NOW)
    assert seen.hear("gw-1", voice.member, content, NOW) is None


def test_an_older_report_is_replayed_and_no_evidence_of_a_clone(
    seen: Sightings, voice: Voice
) -> None:
    old, new = voice.seal(voice.report("active", held_s=9.0)), voice.seal(voice.report())
    seen.hear("gw-1", voice.member, old, NOW)
    seen.hear("gw-1", voice.member, new, NOW)
    assert refusal(seen, voice, old) == "replayed"
    assert seen.gateways["gw-1"].cloned is None


def test_a_replayed_report_that_was_never_heard_is_refused(seen: Sightings, voice: Voice) -> None:
    old, new = voice.seal(voice.report()), voice.seal(voice.report())
    seen.hear("gw-1", voice.member, new, NOW)
    assert refusal(seen, voice, old) == "replayed"


def test_one_number_twice_with_different_content_is_a_clone(seen: Sightings, voice: Voice) -> None:
    report = voice.report()
    seen.hear("gw-1", voice.member, voice.seal(report), NOW)
    twin = msgspec.structs.replace(report, session="twin")
    assert refusal(seen, voice, voice.seal(twin)) == "cloned"
    assert seen.gateways["gw-1"].cloned == "two reports of number 1"


def test_a_session_that_goes_on_after_another_is_a_clone(seen: Sightings, voice: Voice) -> None:
    for session in ("a", "b"):
        voice.session = session
        seen.hear("gw-1", voice.member, voice.seal(voice.report()), NOW)
    voice.session = "a"
    assert refusal(seen, voice, voice.seal(voice.report())) == "cloned"


def test_a_session_that_goes_on_below_the_numbers_of_another_is_a_clone(
    seen: Sightings, voice: Voice
) -> None:
    first, later = voice.report(), voice.report()
    twin = msgspec.structs.replace(voice.report(), session="twin", number=1000)
    seen.hear("gw-1", voice.member, voice.seal(first), NOW)
    seen.hear("gw-1", voice.member, voice.seal(twin), NOW)
    later = msgspec.structs.replace(later, at=twin.at + timedelta(seconds=1))
    assert refusal(seen, voice, voice.seal(later)) == "cloned"
    assert seen.gateways["gw-1"].cloned == f"session {later.session} went on beside twin"


def test_a_restarted_agent_is_no_clone(seen: Sightings, voice: Voice) -> None:
    for n in range(40):
        voice.session = f"start-{n}"
        assert seen.hear("gw-1", voice.member, voice.seal(voice.report()), NOW) is not None
    assert seen.gateways["gw-1"].cloned is None


def test_enrolled_again_a_gateway_begins_anew(seen: Sightings, voice: Voice) -> None:
    report = voice.report()
    seen.hear("gw-1", voice.member, voice.seal(report), NOW)
    refusal(seen, voice, voice.seal(msgspec.structs.replace(report, session="twin")))
    again = Voice("gw-1")
    assert seen.hear("gw-1", again.member, again.seal(again.report()), NOW) is not None
    assert seen.gateways["gw-1"].cloned is None
    assert refusal(seen, again, voice.seal(voice.report())) == "forged"


@given(st.lists(st.integers(0, 5), max_size=12))
def test_whatever_a_broker_repeats_an_honest_gateway_is_never_taken_for_a_clone(
    delivered: list[int],
) -> None:
    voice, seen = Voice("gw-1"), Sightings()
    said, kinds = [], set[str]()
    for n in range(6):
        voice.session = f"start-{n // 2}"
        at = NOW + timedelta(seconds=n)
        said.append(voice.seal(msgspec.structs.replace(voice.report(), at=at)))
    for index in delivered:
        try:
            seen.hear("gw-1", voice.member, said[index], NOW)
        except RefusedError as refused:
            kinds.add(refused.kind)
    assert kinds <= {"replayed"}
    assert all(sighting.cloned is None for sighting in seen.gateways.values())


def test_of_two_commands_sightings_the_newer_and_the_evidence_are_kept(voice: Voice) -> None:
    mine, theirs = Sightings(), Sightings()
    report = voice.report()
    for seen in (mine, theirs):
        seen.hear("gw-1", voice.member, voice.seal(report), NOW)
    refusal(mine, voice, voice.seal(msgspec.structs.replace(report, session="twin")))
    theirs.hear("gw-1", voice.member, voice.seal(voice.report()), NOW)
    mine.merge(theirs)
    assert mine.gateways["gw-1"].report.number == 2
    assert mine.gateways["gw-1"].cloned is not None
