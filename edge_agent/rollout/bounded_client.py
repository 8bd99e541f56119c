"""paho's client with an end to what it takes in: the broker may be anybody's."""

from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion


class BoundedClient(Client):
    """Ends the connection where a packet is too long, before any of it is read.

    Which MQTT 5 asks of brokers, too (Maximum Packet Size), but only honest ones keep to it.

    Attributes:
        too_long: what was found and what is allowed, where that ended the connection.
    """

    def __init__(
        self,
        client_id: str | None,
        protocol: Any,  # noqa: ANN401 - an enumeration's member in paho's types
        packet_bytes_max: int,
    ) -> None:
        """Neither reconnect nor take packets of more than ``packet_bytes_max``."""
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=protocol,
            reconnect_on_failure=False,
        )
        self._packet_bytes_max = packet_bytes_max
        self.too_long: str | None = None

    def _sock_recv(self, bufsize: int) -> bytes:
        """Read; paho asks for all that is left of a packet at once."""
        if bufsize > self._packet_bytes_max:
            self.too_long = f"a packet of {bufsize} bytes, allowed: {self._packet_bytes_max}"
            raise ConnectionAbortedError(self.too_long)
        return super()._sock_recv(bufsize)
