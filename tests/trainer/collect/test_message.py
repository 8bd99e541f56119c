from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.collect.message import MessageError, Place, checked

MakeMessage = Callable[..., bytes]
TOPIC = "edge/v1/gw-1/pump-1/features"


def test_what_the_agent_publishes_is_a_feature_message(make_message: MakeMessage) -> None:
    found = checked("edge/v1", TOPIC, make_message(86399.5, historical=True, seq=7))
    assert (found.start_ns, found.end_ns) == (86_399_500_000_000, 86_400_500_000_000)
    assert found.place == Place("gw-1", "pump-1", "1970-01-01")
    assert found.place.folder == "gateway=gw-1/asset=pump-1/day=1970-01-01"
    assert (found.set.features, found.set.unit) == (("x_rms", "x_peak"), "g")
    assert (found.historical, found.seq) == (True, 7)


def test_a_field_of_a_newer_agent_is_passed_over(make_message: MakeMessage) -> None:
    body = msgspec.json.decode(make_message())
    assert checked("edge/v1", TOPIC, msgspec.json.encode(body | {"speed_rpm": 1500})).id == "id-0.0"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": "edge-agent/features/2"}, "edge-agent/features/2"),
        ({"schema": "edge-agent/score/1"}, "edge-agent/score/1"),
        ({"id": ""}, r"length >= 1.*\$\.id"),
        ({"id": "x" * 129}, r"length <= 128.*\$\.id"),
        ({"gateway": "gw-2"}, "gateway gw-2 and asset pump-1, allowed: those of its topic"),
        ({"gateway": "../../etc"}, r"\$\.gateway"),
        ({"asset": "pump-2"}, "allowed: those of its topic"),
        ({"start": "yesterday"}, r"RFC3339.*\$\.start"),
        ({"start": "2024-01-01T00:00:00"}, r"timezone.*\$\.start"),
        ({"start": "1969-12-31T23:59:59Z"}, "start is 1969.*, allowed: 1970 to 2199"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "start is 0001.*, allowed: 1970 to 2199"),
        ({"end": "9999-12-31T23:59:59-14:00"}, "end is 9999.*, allowed: 1970 to 2199"),
        ({"end": "1970-01-01T00:00:00Z", "start": "1970-01-01T00:00:01Z"}, "not before start"),
        ({"values": {}}, r"\$\.values"),
        ({"values": {"x_rms": "1"}}, r"\$\.values"),
        ({"values": {"x_rms": True}}, r"\$\.values"),
        ({"values": {"x_rms": 1e39}}, "x_rms is 1e.39, allowed: a number that fits float32"),
        ({"bias": {"x": -1e39}}, "x is -1e.39, allowed: a number that fits float32"),
        ({"values": {"message_id": 1.0}}, "a feature message_id, which is what the store"),
        ({"seq": -1}, r"\$\.seq"),
        ({"seq": 2**63}, r"\$\.seq"),
        ({"gap": None}, r"\$\.gap"),
    ],
)
def test_what_is_none_is_refused_with_the_reason(
    make_message: MakeMessage, change: dict[str, Any], reason: str
) -> None:
    payload = msgspec.json.encode(msgspec.json.decode(make_message()) | change)
    with pytest.raises(MessageError, match=reason):
        checked("edge/v1", TOPIC, payload)


def test_one_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(MessageError, match="1048577 bytes, allowed: 1048576"):
        checked("edge/v1", TOPIC, b" " * (2**20 + 1))


def test_one_that_is_nested_beyond_reading_is_refused(make_message: MakeMessage) -> None:
    nested = b'{"new":' + b"[" * 5000 + b"]" * 5000 + b","
    with pytest.raises(MessageError, match="recursion"):
        checked("edge/v1", TOPIC, nested + make_message()[1:])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(["id", "start", "end", "values", "bias", "seq", "unit", "gateway"])


@given(st.binary())
def test_no_payload_does_worse_than_being_refused(payload: bytes) -> None:
    with pytest.raises(MessageError):
        checked("edge/v1", TOPIC, payload)


@given(FIELDS, JSON)
def test_no_value_of_a_field_does_worse_than_being_refused(field: str, value: object) -> None:
    body = {
        "schema": "edge-agent/features/1",
        "id": "a",
        "seq": 0,
        "session": "s",
        "gateway": "gw-1",
        "asset": "pump-1",
        "start": "2024-01-01T00:00:00Z",
        "end": "2024-01-01T00:00:01Z",
        "time_quality": "unknown",
        "index": 0,
        "unit": None,
        "values": {"x_rms": 1.0},
        "bias": {},
        "gap": False,
        "clipped": False,
    }
    payload = msgspec.json.encode(body | {field: value})
    try:
        found = checked("edge/v1", TOPIC, payload)
    except MessageError:
        return
    assert found.place.folder.count("/") == 2
    assert 0 <= found.start_ns <= found.end_ns < 2**63
