"""The state machine of a rollout: no sockets, no clock, every event with its time."""

import msgspec
import pytest
from gateways import MakePlan, wanted
from planned import NEW, Fleet

from edge_agent.rollout.fleet import progress as machine
from edge_agent.rollout.fleet.plan import divide, parse_limit
from edge_agent.rollout.fleet.states import Progress
from edge_agent.rollout.messages import Order, RemoteSettings


@pytest.fixture
def fleet(make_plan: MakePlan) -> Fleet:
    return Fleet(make_plan())


def test_the_next_wave_begins_when_all_of_one_have_ended(fleet: Fleet) -> None:
    first, second, third = fleet.progress.plan.waves
    assert tuple(fleet.order()) == first
    fleet.tick(1.0)
    assert fleet.order() == []
    fleet.prove(first[0])
    fleet.tick()
    assert tuple(fleet.order()) == second
    for gateway in second:
        fleet.prove(gateway)
    fleet.tick()
    assert tuple(fleet.order()) == third
    for gateway in third:
        fleet.prove(gateway)
    fleet.tick()
    assert fleet.progress.status == "completed"
    assert fleet.progress.succeeded


def test_a_gateway_that_does_not_hold_yet_is_waited_for(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    fleet.voices[canary].runs = NEW
    fleet.say(canary, "active", held_s=10.0)
    fleet.tick(1.0)
    assert fleet.state(canary) == "holding"
    assert fleet.progress.wave == 0


def test_a_silent_gateway_times_out_and_is_listed_but_never_counted(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    fleet.tick(660.0)
    assert fleet.state(canary) == "ordered"
    fleet.tick(1.0)
    assert fleet.state(canary) == "timed_out"
    assert fleet.progress.entries[canary].reason == "silent since its order"
    assert fleet.progress.wave == 1  # no failure: the limit counts what has failed
    for wave in fleet.progress.plan.waves[1:]:
        fleet.order()
        for gateway in wave:
            fleet.prove(gateway)
        fleet.tick()
    assert fleet.progress.status == "ended"
    assert not fleet.progress.succeeded


def test_a_gateway_that_proves_itself_late_has_proved_itself(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    fleet.tick(661.0)
    fleet.say(canary, "downloading")
    assert fleet.state(canary) == "timed_out"
    fleet.prove(canary)
    assert fleet.state(canary) == "succeeded"


def test_a_gateway_that_loses_its_model_again_has_failed(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    fleet.prove(canary)
    fleet.fail(canary)
    assert fleet.state(canary) == "failed"
    assert fleet.progress.entries[canary].reason == "rolled_back: nervous"


def test_a_report_that_answers_another_order_counts_for_nothing(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    fleet.voices[canary].runs = NEW
    order = Order(generation=1, epoch=1, counter=999)
    for answers in (None, order):
        report = fleet.voices[canary].report("active", answers, held_s=999.0)
        assert not machine.hear(fleet.progress, report, fleet.now)
    assert fleet.state(canary) == "ordered"


def test_an_older_report_is_not_heard_again(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    voice, order = fleet.voices[canary], fleet.progress.entries[canary].order
    voice.runs = NEW
    proof = voice.report("active", order, held_s=60.0)
    fleet.fail(canary)
    assert not machine.hear(fleet.progress, proof, fleet.now)
    assert fleet.state(canary) == "failed"


def test_a_broken_limit_of_a_wave_aborts_and_leaves_the_rest_alone(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    fleet.fail(canary)
    fleet.tick()
    assert fleet.progress.reason == "failed>20% is broken in wave 1: 1 of 1"
    assert fleet.order() == []
    fleet.tick()
    assert fleet.progress.status == "aborted"
    states = [entry.state for entry in fleet.progress.entries.values()]
    assert states.count("stopped") == 9


def test_a_number_of_failures_counts_over_all_waves(make_plan: MakePlan) -> None:
    fleet = Fleet(make_plan(limits=(parse_limit("failed>1"),)))
    (canary,) = fleet.order()
    fleet.fail(canary)
    fleet.tick()
    second = fleet.order()
    assert second
    fleet.fail(second[0])
    fleet.tick()
    assert fleet.progress.reason == "failed>1 is broken in all waves so far: 2 of 5"


def test_whoever_is_under_way_at_an_abort_is_told_to_stay_as_it_is(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    ordered = fleet.progress.entries[canary].order
    machine.abort(fleet.progress, "enough", fleet.now, take_back=False)
    fleet.tick()
    assert fleet.order() == [canary]
    newer = fleet.progress.entries[canary].order
    assert ordered is not None
    assert newer is not None
    assert newer > ordered
    fleet.tick()
    assert (fleet.progress.status, fleet.state(canary)) == ("aborted", "stopped")


def test_taking_back_is_done_when_the_gateway_runs_what_it_ran_before(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    fleet.prove(canary)
    machine.abort(fleet.progress, "enough", fleet.now, take_back=True)
    assert fleet.order() == [canary]
    fleet.tick()
    fleet.voices[canary].runs = wanted("1.0.0")
    fleet.say(canary, "active")
    assert fleet.state(canary) == "taking_back"  # held_s is missing: nothing says that it runs
    fleet.say(canary, "active", held_s=0.0)
    fleet.tick()
    assert (fleet.progress.status, fleet.state(canary)) == ("aborted", "taken_back")


def test_nothing_known_before_cannot_be_taken_back_and_is_listed(fleet: Fleet) -> None:
    for voice in fleet.voices.values():
        voice.runs = None
    (canary,) = fleet.order()
    fleet.prove(canary)
    machine.abort(fleet.progress, "enough", fleet.now, take_back=True)
    fleet.tick()
    assert fleet.progress.status == "aborted"
    assert fleet.state(canary) == "not_taken_back"


def test_a_rollout_that_has_ended_can_still_be_taken_back(make_plan: MakePlan) -> None:
    fleet = Fleet(make_plan(gateways=1))
    (only,) = fleet.order()
    fleet.prove(only)
    fleet.tick()
    assert not machine.abort(fleet.progress, "no", fleet.now, take_back=False)
    assert machine.abort(fleet.progress, "yes", fleet.now, take_back=True)
    assert fleet.order() == [only]


def test_settings_go_back_to_those_before(make_plan: MakePlan) -> None:
    plan = make_plan(gateways=1, models=(), settings=RemoteSettings(publish_features=True))
    fleet = Fleet(plan)
    (only,) = fleet.order()
    order = fleet.progress.entries[only].order
    report = fleet.voices[only].report("active", order, 60.0, settings=plan.settings)
    machine.hear(fleet.progress, report, fleet.now)
    assert fleet.state(only) == "succeeded"
    machine.abort(fleet.progress, "back", fleet.now, take_back=True)
    fleet.order()
    fleet.say(only, "active", held_s=0.0)
    assert fleet.state(only) == "taken_back"


def test_a_paused_rollout_gives_no_orders_but_hears(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    assert machine.pause(fleet.progress, "lunch")
    fleet.prove(canary)
    fleet.tick(1.0)
    assert fleet.order() == []
    assert machine.resume(fleet.progress)
    fleet.tick(1.0)
    assert fleet.order()


def test_orders_keep_to_the_rate(make_plan: MakePlan) -> None:
    names = [f"gw-{n}" for n in range(100)]
    waves = divide(names, [(100, True)], "r")
    fleet = Fleet(make_plan(gateways=100, waves=waves, rate_per_min=60.0))
    ordered = 0
    for _ in range(30):
        ordered += len(fleet.order())
        fleet.tick(1.0)
    assert ordered == 30


def test_a_driver_that_was_away_does_not_catch_up_in_one_burst(make_plan: MakePlan) -> None:
    names = [f"gw-{n}" for n in range(100)]
    fleet = Fleet(make_plan(waves=divide(names, [(100, True)], "r"), rate_per_min=60.0))
    fleet.order()
    fleet.tick(600.0)
    assert len(fleet.order()) <= 3


def test_a_cloned_gateway_has_failed_whatever_it_says(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    fleet.prove(canary)
    machine.distrust(fleet.progress, canary, "two gateways hold its key", fleet.now)
    assert fleet.state(canary) == "failed"
    fleet.prove(canary)
    assert fleet.state(canary) == "failed"


def test_a_gateway_known_to_be_cloned_is_not_sent_anything(fleet: Fleet) -> None:
    (canary,) = fleet.progress.plan.waves[0]
    machine.distrust(fleet.progress, canary, "two gateways hold its key", fleet.now)
    assert fleet.order() == []
    fleet.tick()
    assert fleet.progress.status == "aborting"


def test_after_the_keys_were_replaced_unanswered_orders_are_numbered_anew(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    machine.renumber(fleet.progress, 1)
    assert fleet.order() == []
    machine.renumber(fleet.progress, 2)
    fleet.tick(1.0)
    assert fleet.order() == [canary]


def test_progress_is_the_same_after_it_was_kept(fleet: Fleet) -> None:
    (canary,) = fleet.order()
    fleet.prove(canary)
    kept = msgspec.json.encode(fleet.progress)
    assert msgspec.json.decode(kept, type=Progress) == fleet.progress
