"""Reports as they come from the broker, each believed or not."""

import queue
from collections.abc import Iterator
from datetime import datetime

from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.sightings import RefusedError, Sighting, Sightings
from edge_agent.rollout.messages import Report
from edge_agent.rollout.mqtt import BrokerClient, connected

_BATCH = 500


class Hearing:
    """What the gateways of the inventory say, from the moment that it listens."""

    def __init__(self, desk: Desk) -> None:
        """Know the inventory and what was seen before. Raises as these do."""
        self._members = desk.inventory().gateways
        self.seen: Sightings = desk.sightings()
        self._waiting: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    def listen(self, client: BrokerClient, pattern: str) -> None:
        """Hear what comes over ``client``. Raises BrokerError."""
        client.subscribe(pattern, self._note)

    def within(self, wait_s: float, at: datetime) -> Iterator[tuple[str, Report | RefusedError]]:
        """Yield gateway and report, or why it is refused; wait where nothing has come yet.

        At most so many that a flood of them does not keep its reader from everything else.
        """
        for n in range(_BATCH):
            try:
                gateway, payload = self._waiting.get(timeout=0.0 if n else wait_s)
            except queue.Empty:
                return
            try:
                report = self.seen.hear(gateway, self._members[gateway], payload, at)
            except RefusedError as error:
                yield gateway, error
                continue
            if report is not None:
                yield gateway, report

    def of(self, gateway: str) -> Sighting | None:
        """Return what is known of a gateway under the key that it has now."""
        seen, member = self.seen.gateways.get(gateway), self._members.get(gateway)
        if seen is None or member is None or seen.key_id != member.key_id:
            return None
        return seen

    @property
    def backlog(self) -> bool:
        """More has come than was taken."""
        return not self._waiting.empty()

    def _note(self, topic: str, payload: bytes) -> None:
        gateway = topic.split("/")[-2]
        if gateway in self._members:
            self._waiting.put((gateway, payload))


def hear_lying(desk: Desk, at: datetime) -> tuple[Hearing, dict[str, str]]:
    """Hear what the broker retains of all gateways, and keep what is believed.

    Returns:
        What is known then, and by gateway why its report is not believed.

    Raises:
        BrokerError: not reached, refused or lost.
        InventoryError, SightingsError, HomeError, BusyError, OSError: of the home folder.
    """
    hearing = Hearing(desk)
    refused: dict[str, str] = {}
    with connected(desk.home.broker(), "edge-rollout") as client:
        hearing.listen(client, desk.topics.update("+"))
        client.collect(desk.topics.fence, desk.topics.fence)  # behind all that is retained
    while hearing.backlog:
        for gateway, said in hearing.within(0.0, at):
            if isinstance(said, RefusedError):
                refused[gateway] = str(said)
    with desk.locked():
        desk.keep_sightings(hearing.seen)
    return hearing, refused
