"""What a controller leaves behind: progress on the disk and on the broker, and the journal."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Literal

from edge_agent.rollout.fleet.copies import RENEW_S, Copies, Lease, totals
from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.sightings import Sightings
from edge_agent.rollout.fleet.states import Progress
from edge_agent.rollout.mqtt import BrokerClient
from edge_agent.rollout.repository.home import BusyError
from edge_agent.rollout.repository.upload import keep_and_publish

Outcome = Literal["ended", "paused", "interrupted", "superseded", "keys_replaced"]
Watch = Callable[[Progress], None]
Clock = Callable[[], datetime]

_PUBLISH_S = 1.0  # between copies of the progress at least
_SIGHTINGS_S = 10.0
_NEVER_S = float("-inf")


class Record:
    """Writes down what has changed, and no more often than somebody could read it."""

    def __init__(
        self, desk: Desk, client: BrokerClient, rollout: str, now: Clock, watch: Watch
    ) -> None:
        """Keep ``rollout`` in the home folder of ``desk`` and on the broker."""
        self.changed = True
        self._desk = desk
        self._client = client
        self._rollout = rollout
        self._now = now
        self._watch = watch
        self._copies = Copies(desk.topics, desk.signers)
        self._unpublished = True
        self._published_s = self._seen_s = _NEVER_S
        self._said: list[tuple[str, dict[str, object]]] = []

    def say(self, action: str, **facts: object) -> None:
        """Have the journal say it."""
        self._said.append((action, facts))

    def keep(self, progress: Progress, seen: Sightings) -> None:
        """Have progress, sightings and journal on the disk; the latter two once nobody else works.

        Raises:
            OSError, SightingsError: of the home folder.
        """
        if self.changed:
            self._desk.kept.write(progress)
            self._watch(progress)
            self.changed, self._unpublished = False, True
        if self._said or monotonic() >= self._seen_s + _SIGHTINGS_S:
            try:
                with self._desk.locked(0.0):
                    self._write(seen)
            except BusyError:
                return  # at the next step

    def publish(self, progress: Progress, *, released: bool = False) -> None:
        """Have the broker hold what has changed, and the lease. Raises BrokerError, OSError."""
        since_s = monotonic() - self._published_s
        if not released and since_s < (_PUBLISH_S if self._unpublished else RENEW_S):
            return
        now = self._now()
        lease = Lease(
            epoch=progress.epoch, instance=self._desk.instance, renewed=now, released=released
        )
        for topic, payload in self._copies.changed(progress, lease, now):
            keep_and_publish(self._client, self._desk.home, topic, payload)
        self._client.flush()
        self._unpublished = False
        self._published_s = monotonic()

    def close(self, progress: Progress, seen: Sightings, outcome: Outcome) -> None:
        """Let go of the rollout; where another controller has it, only the journal says so.

        Raises:
            BrokerError, BusyError, OSError, SightingsError: of broker and home folder.
        """
        if outcome == "ended":
            counted = {str(state): count for state, count in totals(progress).items()}
            self.say("end", status=progress.status, reason=progress.reason, gateways=counted)
        elif outcome != "superseded":
            self.say("leave", outcome=outcome)
        if outcome != "superseded":
            self._desk.kept.write(progress)
            self._watch(progress)
            self.publish(progress, released=True)
        if outcome == "ended":
            for topic in self._copies.part_topics(progress):
                keep_and_publish(self._client, self._desk.home, topic, b"")
            self._client.flush()
        with self._desk.locked():
            self._write(seen)

    def _write(self, seen: Sightings) -> None:
        self._desk.keep_sightings(seen)
        while self._said:
            action, facts = self._said[0]
            self._desk.home.journal.write(action, rollout=self._rollout, **facts)
            del self._said[0]
        self._seen_s = monotonic()
