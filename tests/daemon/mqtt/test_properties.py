import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.daemon.mqtt.client import publish_properties


@pytest.mark.parametrize("expiry_s", [None, 60])
@pytest.mark.parametrize("correlation", [None, b"7"])
def test_what_is_sent_is_what_paho_would_send(
    expiry_s: int | None, correlation: bytes | None
) -> None:
    own = Properties(PacketTypes.PUBLISH)
    own.ContentType = "application/json"
    if expiry_s is not None:
        own.MessageExpiryInterval = expiry_s
    if correlation is not None:
        own.CorrelationData = correlation
    properties = publish_properties("5", expiry_s, correlation)
    assert properties is not None
    assert properties.pack() == own.pack()
    assert str(properties) == str(own)


def test_what_answers_nothing_is_put_into_bytes_once() -> None:
    assert publish_properties("5", 60, None) is publish_properties("5", 60, None)
    assert publish_properties("3.1.1", 60, None) is None
