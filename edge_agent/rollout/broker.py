"""How to reach the broker, as orders to short-lived processes carry it."""

import msgspec


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """The broker and who connects.

    Attributes:
        host: name or address.
        port: of the broker.
        root: first levels of every topic.
        username: None where the broker lets everybody in.
        password: likewise; never shown.
        tls: encrypt, and verify the broker's certificate.
        ca_file: certificates to trust instead of the system's.
        cert_file: own certificate.
        key_file: its private key.
    """

    host: str
    port: int
    root: str = "edge/v1"
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def __repr__(self) -> str:
        """Show no password."""
        return f"Broker({self.username or 'anonymous'}@{self.host}:{self.port}/{self.root})"
