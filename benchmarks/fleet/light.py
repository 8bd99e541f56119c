"""Many gateways in one process: what they say and verify is real, what they would score is not.

    python -m benchmarks.fleet.light PORT ENROLMENTS STATE FIRST GATEWAYS

Each has a connection of its own for as long as it lives, as the agent has, and a second one for
each update, as the verifying process has: metadata by python-tuf, the desire's signature, the
bundle's chunks and digest, and a signed report for every state. The updates of one process are
done one after the other. It ends with its standard input.
"""

import heapq
import queue
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from securesystemslib.signer import Signer

from benchmarks.fleet.enrolled import HOLD_S, running
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.enrolment import ROOT_FILE, Enrolment, read_enrolment
from edge_agent.rollout.envelope import seal
from edge_agent.rollout.install.accept import believe
from edge_agent.rollout.install.fetch import Deadline, RetainedFetcher
from edge_agent.rollout.install.sign import read_signer
from edge_agent.rollout.install.verify import Verifier
from edge_agent.rollout.messages import (
    REPORT_TYPE,
    Desire,
    Report,
    UpdateState,
    WantedModel,
)
from edge_agent.rollout.mqtt import BrokerClient, connected
from edge_agent.rollout.topics import RolloutTopics

_TIMEOUT_S = 600.0
_BEFORE: tuple[UpdateState, ...] = ("staged", "trial", "committing", "active")


@dataclass(slots=True)
class Gateway:
    """One of them."""

    enrolment: Enrolment
    signer: Signer
    folder: Path
    root: bytes
    client: BrokerClient
    number: int = 0
    runs: WantedModel | None = None

    def report(self, state: UpdateState, desire: Desire, held_s: float | None = None) -> bytes:
        """Return the next report, signed."""
        self.number += 1
        name = self.enrolment.gateway
        report = Report(
            gateway=name,
            number=self.number,
            session=f"{name}-1",
            at=datetime.now(UTC),
            time_quality="synchronised",
            state=state,
            answers=desire.order,
            rollout=desire.rollout,
            held_s=held_s,
            running={} if self.runs is None else {"press-1": running(self.runs)},
        )
        return seal(report, REPORT_TYPE, [self.signer])


class Gateways:
    """Those of this process."""

    def __init__(self, broker: Broker) -> None:
        """Speak to ``broker``."""
        self._broker = broker
        self._topics = RolloutTopics(broker.root)
        self._came: queue.SimpleQueue[tuple[Gateway, bytes] | None] = queue.SimpleQueue()
        self._holding: list[tuple[float, int, Gateway, Desire]] = []

    def add(self, stack: ExitStack, enrolment: Path, state: Path) -> None:
        """Connect the one that was enrolled in that folder."""
        known = read_enrolment(enrolment, enrolment.name)
        client = stack.enter_context(connected(self._broker, known.gateway))
        signer = read_signer(enrolment, known)
        root = (enrolment / ROOT_FILE).read_bytes()
        gateway = Gateway(known, signer, state / known.gateway, root, client)
        client.subscribe(
            self._topics.desired(known.gateway),
            lambda _topic, payload: self._came.put((gateway, payload)),
        )

    def stop(self) -> None:
        """End ``work``."""
        self._came.put(None)

    def work(self) -> None:
        """Do what is desired until ``stop``."""
        while True:
            wait_s = self._holding[0][0] - monotonic() if self._holding else 1.0
            try:
                came = self._came.get(timeout=min(1.0, max(0.0, wait_s)))
            except queue.Empty:
                self._prove()
                continue
            if came is None:
                return
            self._update(*came)
            self._prove()

    def _update(self, gateway: Gateway, content: bytes) -> None:
        with connected(self._broker, f"{gateway.enrolment.gateway}-update") as client:
            fetcher = RetainedFetcher(client, self._broker.root, Deadline(_TIMEOUT_S))
            known = gateway.enrolment
            verifier = Verifier(gateway.folder, gateway.root, known.enrolled, fetcher)
            verifier.refresh(synchronised=True)
            desire = believe(content, verifier.operators(), known.gateway, None, None)
            self._say(gateway, gateway.report("downloading", desire))
            for model in desire.models:
                target = verifier.target(model.target)
                if target is None or target.hashes["sha256"] != model.sha256:
                    raise ValueError(f"{model.target} is not what was desired")
                verifier.fetch(target)
                gateway.runs = model
        self._say(gateway, gateway.report("verifying", desire))
        for state in _BEFORE:
            self._say(gateway, gateway.report(state, desire))
        due = (monotonic() + HOLD_S, gateway.number, gateway, desire)
        heapq.heappush(self._holding, due)

    def _prove(self) -> None:
        while self._holding and self._holding[0][0] <= monotonic():
            _, _, gateway, desire = heapq.heappop(self._holding)
            self._say(gateway, gateway.report("active", desire, held_s=HOLD_S))

    def _say(self, gateway: Gateway, content: bytes) -> None:
        gateway.client.publish(self._topics.update(gateway.enrolment.gateway), content)


def main() -> None:
    """Be the process."""
    port, enrolments, state, first, count = sys.argv[1:]
    gateways = Gateways(Broker(host="127.0.0.1", port=int(port)))
    with ExitStack() as stack:
        for number in range(int(first), int(first) + int(count)):
            gateways.add(stack, Path(enrolments) / f"gw-{number:05}", Path(state))
        worker = threading.Thread(target=gateways.work)
        worker.start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
        gateways.stop()
        worker.join()


if __name__ == "__main__":
    main()
