"""Drives one rollout over one connection: hears reports, sends orders, keeps all of it.

Everything that is sent is on the disk first, and sent again where nobody knows that the broker has
it: a controller that is killed at any point goes on where it was, with the same numbers.
"""

import queue
import threading
from time import monotonic

from edge_agent.rollout.fleet import progress as machine
from edge_agent.rollout.fleet.claim import adopt, claim, heads_of, make_way, superseded
from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.hearing import Hearing
from edge_agent.rollout.fleet.judge import before_of
from edge_agent.rollout.fleet.kept import Wish
from edge_agent.rollout.fleet.orders import desire_of
from edge_agent.rollout.fleet.record import Clock, Outcome, Record, Watch
from edge_agent.rollout.fleet.sightings import RefusedError
from edge_agent.rollout.fleet.start import wanted_model
from edge_agent.rollout.fleet.states import Before, Entry, Progress
from edge_agent.rollout.messages import WantedModel
from edge_agent.rollout.mqtt import BrokerClient, BrokerError
from edge_agent.rollout.repository.home import BusyError
from edge_agent.rollout.repository.repository import ConflictError
from edge_agent.rollout.repository.upload import keep_and_publish, restore

_STEP_S = 0.2
_BATCH = 50  # orders of one step: between two, another controller is heard of


class Controller:
    """One connection's worth of driving; ``drive`` makes another one after it was lost.

    Attributes:
        good_s: when the last step was done, by the monotonic clock; None: none was.
    """

    def __init__(
        self, desk: Desk, client: BrokerClient, rollout: str, now: Clock, watch: Watch
    ) -> None:
        """Drive ``rollout`` over ``client``.

        Args:
            desk: of the operator.
            client: connected.
            rollout: its id.
            now: the operator's time.
            watch: called with the progress whenever it has changed.
        """
        self._desk = desk
        self._client = client
        self._rollout = rollout
        self._now = now
        self._hearing = Hearing(desk)
        self._heads: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._record = Record(desk, client, rollout, now, watch)
        self.good_s: float | None = None
        self._progress: Progress

    def run(
        self, stopping: threading.Event, wish: Wish | None, *, take_over: bool
    ) -> tuple[Outcome, Progress]:
        """Drive until there is nothing left to do, or not here.

        Args:
            stopping: set to interrupt; the rollout can be resumed.
            wish: what to do first.
            take_over: also from another controller that is believed to work.

        Raises:
            HeldError: another controller drives.
            BrokerError: the connection was lost.
            RolloutError, HomeError, KeyFileError, OrdersError, BusyError, OSError: of the home
                folder.
        """
        self._begin(take_over=take_over)
        outcome: Outcome | None = None
        while outcome is None:
            outcome = self._step(wish or self._desk.kept.asked(self._rollout))
            wish, self.good_s = None, monotonic()
            if outcome is None and stopping.is_set():
                outcome = "interrupted"
        self._record.close(self._progress, self._hearing.seen, outcome)
        return outcome, self._progress

    def _begin(self, *, take_over: bool) -> None:
        desk, client, topics = self._desk, self._client, self._desk.topics
        self._hearing.listen(client, topics.update("+"))
        # Its answer comes behind what is retained of the reports.
        lying = client.collect(topics.rollout("+"), topics.fence)
        refused = []
        while self._hearing.backlog:
            heard = list(self._hearing.within(0.0, self._now()))
            refused += [(name, said) for name, said in heard if isinstance(said, RefusedError)]
        answered = [sighting.report for sighting in self._hearing.seen.gateways.values()]
        heads = heads_of(desk, lying.values())
        with desk.locked():
            epoch, newer = claim(
                desk, self._rollout, heads, answered, self._now(), take_over=take_over
            )
        if newer is None:
            self._progress = desk.kept.read(self._rollout)
        else:
            if newer.lease.holds(self._now()):
                make_way(desk, client, newer, epoch, self._now())
            self._progress = adopt(desk, client, newer)
        if newer is None and self._progress.epoch and topics.rollout(self._rollout) not in lying:
            # What was there is gone, and everything else with it.
            with desk.locked():
                self._record.say("restore", upload=restore(client, desk.home))
        client.subscribe(topics.rollout("+"), lambda _topic, payload: self._heads.put(payload))
        if self._progress.epoch != epoch:
            self._record.say("drive", epoch=epoch, instance=desk.instance)
            self._progress.epoch = epoch
        machine.renumber(self._progress, desk.operators.generation)
        for gateway, error in refused:
            self._refuse(gateway, error)
        self._hear_seen()
        self._record.keep(self._progress, self._hearing.seen)
        self._record.publish(self._progress)  # the lease, before any order
        with desk.locked():
            self._send(machine.unsent(self._progress))

    def _hear_seen(self) -> None:
        """Take the sightings into account: another command may have seen what came meanwhile."""
        for gateway in self._progress.entries:
            sighting = self._hearing.of(gateway)
            if sighting is None:
                continue
            machine.hear(self._progress, sighting.report, self._now())
            if sighting.cloned is not None:
                said = f"two gateways hold its key: {sighting.cloned}"
                machine.distrust(self._progress, gateway, said, self._now())

    def _step(self, wish: Wish | None) -> Outcome | None:
        self._listen()
        heads = heads_of(self._desk, _drained(self._heads))
        later = superseded(self._desk, heads, self._progress.epoch)
        if later is not None:
            self._record.say("superseded", by=later.instance, epoch=later.epoch)
            left = self._desk.topics.left(self._rollout)
            self._client.publish(left, b"", retain=False)
            self._client.flush()
            return "superseded"
        if wish is not None:
            self._do(wish)
        wave = self._progress.wave
        if machine.tick(self._progress, self._now()):
            self._record.changed = True
            if wave != self._progress.wave:
                self._record.say("wave", wave=self._progress.wave + 1)
        if not self._order():
            return "keys_replaced"
        if self._progress.ended:
            return "ended"
        if self._progress.status == "paused":
            return "paused"
        self._record.keep(self._progress, self._hearing.seen)
        self._record.publish(self._progress)
        return None

    def _listen(self) -> None:
        """Hear what has come, and wait a moment for more where nothing has."""
        if self._client.lost is not None:
            raise BrokerError(self._client.lost)
        for gateway, said in self._hearing.within(_STEP_S, self._now()):
            if gateway not in self._progress.entries:
                continue
            if isinstance(said, RefusedError):
                self._refuse(gateway, said)
            else:
                self._record.changed |= machine.hear(self._progress, said, self._now())

    def _refuse(self, gateway: str, error: RefusedError) -> None:
        if gateway not in self._progress.entries:
            return
        now, self._record.changed = self._now(), True
        machine.refuse(self._progress, gateway, error.kind, str(error), now)
        if error.kind == "cloned":
            machine.distrust(self._progress, gateway, str(error), now)

    def _do(self, wish: Wish) -> None:
        now, progress = self._now(), self._progress
        done = {
            "pause": lambda: machine.pause(progress, wish.reason),
            "resume": lambda: machine.resume(progress),
            "abort": lambda: machine.abort(progress, wish.reason, now, take_back=wish.take_back),
        }[wish.action]()
        if done:
            self._record.changed = True
            self._record.say(wish.action, reason=wish.reason, take_back=wish.take_back)

    def _order(self) -> bool:
        """Number, keep and send the orders that are due; say whether our keys still count."""
        progress, now = self._progress, self._now()
        gateways = machine.due(progress, now)[:_BATCH]
        if not gateways:
            return True
        try:
            # Until all is sent: a republish in between would put older desires in their place.
            with self._desk.locked(0.0):
                if self._desk.repository.operators() != self._desk.operators:
                    return False
                numbers = self._desk.orders.take(len(gateways))
                for gateway, number in zip(gateways, numbers, strict=True):
                    machine.order(progress, gateway, number, now, self._before(gateway))
                self._record.changed = True
                self._record.keep(progress, self._hearing.seen)
                self._send(gateways)
        except BusyError:
            pass  # at the next step
        return True

    def _send(self, gateways: list[str]) -> None:
        desk, progress, now = self._desk, self._progress, self._now()
        for gateway in gateways:
            entry = progress.entries[gateway]
            try:
                back = self._back(entry)
            except ConflictError as error:
                machine.cannot_take_back(progress, gateway, str(error), now)
                continue
            desire = desire_of(progress.plan, gateway, entry, back, desk.signers)
            keep_and_publish(self._client, desk.home, desk.topics.desired(gateway), desire)
        if gateways:
            self._client.flush()
            machine.sent(progress, gateways, now)
            self._record.changed = True

    def _before(self, gateway: str) -> Before | None:
        """Return what the gateway last said to run, if it has said anything."""
        sighting = self._hearing.of(gateway)
        wanted = self._progress.plan.wanted
        return None if sighting is None else before_of(sighting.report, wanted)

    def _back(self, entry: Entry) -> tuple[WantedModel, ...]:
        if entry.state != "taking_back" or entry.before is None:
            return ()
        repository = self._desk.repository
        return tuple(
            wanted_model(repository, ran.name, ran.version, line)
            for line, ran in entry.before.models.items()
        )


def _drained(waiting: "queue.SimpleQueue[bytes]") -> list[bytes]:
    found = []
    while not waiting.empty():
        found.append(waiting.get())
    return found
