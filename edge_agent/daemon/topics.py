"""Where each kind of message goes, and how it is carried."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "features",
    "score",
    "snapshot",
    "anomaly",
    "alarm",
    "model",
    "label",
    "group",
    "status",
    "update",
    "reply",
]
OF_GATEWAY: tuple[Kind, ...] = (
    "status",
    "group",
    "update",
    "reply",
)  # the others are each asset's own

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Carriage:
    """How messages of one kind are carried.

    Attributes:
        priority: the highest is sent first; when the outbox is full, the lowest is evicted first.
        retained: it is state, of which the broker keeps the newest; never queued or evicted.
        expiry_s: after that a broker that speaks MQTT 5 no longer delivers it; None: never.
        stored: it waits on the disk until it is delivered; what is retained or an answer does not.
    """

    priority: int
    retained: bool
    expiry_s: int | None
    stored: bool = False


# All are sent with QoS 1. A score lost in a half-open connection (up to one and a half keep-alive
# intervals) would look like a window that was never scored, and the acknowledgement costs four
# bytes; whoever receives one twice knows it by its id.
CARRIAGE: dict[Kind, Carriage] = {
    "features": Carriage(priority=0, retained=False, expiry_s=DAY_S, stored=True),
    "score": Carriage(priority=1, retained=False, expiry_s=HOUR_S, stored=True),
    "alarm": Carriage(priority=2, retained=True, expiry_s=None),
    "model": Carriage(priority=2, retained=True, expiry_s=None),
    "snapshot": Carriage(priority=2, retained=False, expiry_s=7 * DAY_S, stored=True),
    "group": Carriage(priority=2, retained=True, expiry_s=None),
    "anomaly": Carriage(priority=3, retained=False, expiry_s=7 * DAY_S, stored=True),
    "label": Carriage(priority=4, retained=False, expiry_s=7 * DAY_S, stored=True),
    "update": Carriage(priority=4, retained=True, expiry_s=None),
    "status": Carriage(priority=5, retained=True, expiry_s=None),
    "reply": Carriage(priority=6, retained=False, expiry_s=HOUR_S),
}
QOS = 1


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics below one root and gateway."""

    root: str
    gateway: str

    @property
    def status(self) -> str:
        """Topic of the gateway's status and of its Last Will."""
        return self.of_gateway("status")

    @property
    def command(self) -> str:
        """Topic on which the gateway is told what to do."""
        return f"{self.root}/{self.gateway}/command"

    @property
    def desired(self) -> str:
        """Topic on which the gateway is told what it should run."""
        return f"{self.root}/desired/{self.gateway}"

    def of_gateway(self, kind: Kind) -> str:
        """Topic of one kind of the gateway's own messages."""
        return f"{self.root}/{self.gateway}/{kind}"

    def of(self, asset: str, kind: Kind) -> str:
        """Topic of one kind of an asset's messages."""
        return f"{self.root}/{self.gateway}/{asset}/{kind}"
