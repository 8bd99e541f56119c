"""The state machine of a rollout, whatever happens in whatever order."""

import msgspec
from gateways import NOW, wanted
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from planned import NEW, Fleet

from edge_agent.rollout.fleet import progress as machine
from edge_agent.rollout.fleet.plan import Plan, divide, parse_limit
from edge_agent.rollout.fleet.states import PROVED, Progress
from edge_agent.rollout.messages import Order, Terms


class AnyRollout(RuleBasedStateMachine):
    """Whatever happens in whatever order, killed and read back at any time."""

    def __init__(self) -> None:
        super().__init__()
        names = [f"gw-{n}" for n in range(6)]
        plan = Plan(
            rollout="r",
            created=NOW,
            by="tester",
            to=("all",),
            models=(NEW,),
            settings=None,
            terms=Terms(timeout_s=100.0, hold_s=10.0),
            waves=divide(names, [(1, False), (50, True), (100, True)], "r"),
            limits=(parse_limit("failed>34%"),),
            rate_per_min=600.0,
        )
        self.fleet = Fleet(plan)
        self.proved: set[str] = set()
        self.orders: dict[str, Order] = {}

    @rule()
    def give_orders(self) -> None:
        for gateway in self.fleet.order():
            number = self.fleet.progress.entries[gateway].order
            assert number is not None
            assert gateway not in self.orders or number > self.orders[gateway]
            self.orders[gateway] = number

    @rule(n=st.integers(0, 5), how=st.sampled_from(["work", "hold", "prove", "fail", "back"]))
    def report(self, n: int, how: str) -> None:
        gateway, fleet = f"gw-{n}", self.fleet
        if how == "work":
            fleet.say(gateway, "verifying")
        elif how == "hold":
            fleet.voices[gateway].runs = NEW
            fleet.say(gateway, "active", held_s=1.0)
        elif how == "prove":
            if fleet.progress.entries[gateway].order is not None:
                self.proved.add(gateway)
            fleet.prove(gateway)
        elif how == "fail":
            fleet.fail(gateway)
        else:
            fleet.voices[gateway].runs = wanted("1.0.0")
            fleet.say(gateway, "active", held_s=0.0)

    @rule(seconds=st.floats(0.0, 80.0))
    def time_goes_by(self, seconds: float) -> None:
        self.fleet.tick(seconds)

    @rule()
    def kill_and_go_on(self) -> None:
        kept = msgspec.json.encode(self.fleet.progress)
        self.fleet.progress = msgspec.json.decode(kept, type=Progress)

    @rule()
    def pause(self) -> None:
        machine.pause(self.fleet.progress, "paused")

    @rule()
    def resume(self) -> None:
        machine.resume(self.fleet.progress)

    @rule(take_back=st.booleans())
    @precondition(lambda self: bool(self.orders))
    def abort(self, *, take_back: bool) -> None:
        machine.abort(self.fleet.progress, "aborted", self.fleet.now, take_back=take_back)

    @invariant()
    def success_was_reported(self) -> None:
        entries = self.fleet.progress.entries.items()
        assert {name for name, entry in entries if entry.state == "succeeded"} <= self.proved

    @invariant()
    def nobody_of_a_later_wave_has_an_order(self) -> None:
        progress = self.fleet.progress
        assert all(e.order is None for e in progress.entries.values() if e.wave > progress.wave)

    @invariant()
    def a_wave_begins_when_the_one_before_has_ended(self) -> None:
        progress = self.fleet.progress
        if progress.status in ("running", "paused", "completed", "ended"):
            before = [e for e in progress.entries.values() if e.wave < progress.wave]
            assert all(entry.state in PROVED or entry.order for entry in before)

    @invariant()
    def who_has_no_order_is_asked_for_nothing(self) -> None:
        for entry in self.fleet.progress.entries.values():
            if entry.state in ("ordered", "working", "holding", "succeeded", "timed_out"):
                assert entry.order is not None
                assert entry.issued is not None


TestAnyRollout = AnyRollout.TestCase
TestAnyRollout.settings = settings(max_examples=60, stateful_step_count=40)
