"""A fleet that a plan speaks of, whose time is set by hand."""

from datetime import timedelta

from gateways import NOW, Voice, wanted

from edge_agent.rollout.fleet import progress as machine
from edge_agent.rollout.fleet.judge import before_of
from edge_agent.rollout.fleet.plan import Plan
from edge_agent.rollout.messages import Order, UpdateState

NEW = wanted("1.1.0")


class Fleet:
    """Gateways that do as they are told, and a time that is set by hand."""

    def __init__(self, plan: Plan) -> None:
        self.progress = machine.begin(plan)
        self.voices = {name: Voice(name) for wave in plan.waves for name in wave}
        self.now = NOW
        self.numbers = 0

    def order(self) -> list[str]:
        self.now += timedelta(milliseconds=10)
        gateways = machine.due(self.progress, self.now)
        for gateway in gateways:
            self.numbers += 1
            before = before_of(self.voices[gateway].report(), self.progress.plan.wanted)
            number = Order(generation=1, epoch=1, counter=self.numbers)
            machine.order(self.progress, gateway, number, self.now, before)
        machine.sent(self.progress, gateways, self.now)
        return gateways

    def say(
        self,
        gateway: str,
        state: UpdateState,
        held_s: float | None = None,
        reason: str | None = None,
    ) -> None:
        order = self.progress.entries[gateway].order
        report = self.voices[gateway].report(state, order, held_s, reason)
        machine.hear(self.progress, report, self.now)

    def prove(self, gateway: str) -> None:
        self.voices[gateway].runs = NEW
        self.say(gateway, "active", held_s=60.0)

    def fail(self, gateway: str) -> None:
        self.say(gateway, "rolled_back", reason="nervous")

    def tick(self, seconds: float = 0.0) -> None:
        self.now += timedelta(seconds=seconds)
        machine.tick(self.progress, self.now)

    def state(self, gateway: str) -> str:
        return self.progress.entries[gateway].state
