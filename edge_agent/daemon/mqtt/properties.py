"""MQTT 5's properties of what is published.

There are few different ones, and paho takes longer to put them into bytes for every message anew
than for all else it does to send one.
"""

from functools import cache

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class PublishProperties(Properties):
    """Properties of a PUBLISH packet, put into bytes once; not to be changed."""

    _packed: bytes

    def __init__(self, expiry_s: int | None, correlation: bytes | None = None) -> None:
        """Describe JSON.

        Args:
            expiry_s: after which a broker may forget it, None: never.
            correlation: of the request that it answers.
        """
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        self.ContentType = "application/json"
        if expiry_s is not None:
            self.MessageExpiryInterval = expiry_s
        if correlation is not None:
            self.CorrelationData = correlation
        # paho's own takes properties alone.
        object.__setattr__(self, "_packed", super().pack())  # type: ignore[no-untyped-call]

    def pack(self) -> bytes:
        """Return what goes into the packet."""
        return self._packed


@cache
def common_properties(expiry_s: int | None) -> PublishProperties:
    """Return the properties of whatever answers nothing; ``expiry_s`` as of the class."""
    return PublishProperties(expiry_s)
