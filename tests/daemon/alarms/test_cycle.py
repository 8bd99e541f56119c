import pytest
from cycle_bench import NS, Bench

from edge_agent.daemon.alarms.cycle import CannotError
from edge_agent.daemon.alarms.kept import PAST_MAX

HOUR_S = 3600.0


def test_an_anomaly_calls_until_somebody_looks_after_it() -> None:
    bench = Bench()
    assert bench.state == "quiet"
    assert bench.see("open") == "open"
    assert bench.state == "open"
    bench.ask("acknowledge", anomaly_id=None)
    assert bench.state == "acknowledged"
    assert bench.see(None) is None
    assert bench.see("close") == "close"
    assert bench.state == "quiet"
    assert bench.happened == ["opened", "closed"]


def test_twice_as_bad_as_when_it_was_acknowledged_it_calls_again() -> None:
    bench = Bench()
    bench.see("open", severity=1.2)
    bench.ask("acknowledge", anomaly_id=None)
    assert bench.see(None, severity=2.3) is None
    assert bench.state == "acknowledged"
    assert bench.see(None, severity=2.4) == "update"
    assert bench.state == "open"
    assert bench.happened[-1] == "acknowledgement lapsed"


def test_an_alert_that_becomes_an_alarm_calls_again_and_stays_one() -> None:
    bench = Bench()
    bench.see("open")
    bench.ask("acknowledge", anomaly_id=None)
    assert bench.see(None, level="alarm") == "update"
    assert bench.state == "open"
    assert bench.see(None, level="alert") is None
    anomaly = bench.cycle.kept.anomaly
    assert anomaly is not None
    assert anomaly.level == "alarm"


def test_shelved_it_is_told_and_counted_and_calls_nobody() -> None:
    bench = Bench()
    bench.ask("shelve", span_ns=round(HOUR_S * NS))
    assert bench.state == "shelved"
    assert bench.see("open") == "open"
    assert bench.see("update", severity=3.0) == "update"
    assert bench.state == "shelved"
    assert bench.cycle.silenced == 2


def test_open_at_the_end_of_its_shelving_it_calls_again() -> None:
    bench = Bench()
    bench.ask("shelve", span_ns=round(HOUR_S * NS))
    bench.see("open")
    bench.wait(HOUR_S - 1)
    assert bench.state == "shelved"
    bench.wait(1)
    assert bench.state == "open"
    assert bench.see(None) == "update"
    assert bench.see(None) is None
    assert bench.happened == ["opened", "shelving ended", "called again"]


def test_acknowledged_it_does_not_call_again_when_a_shelving_ends() -> None:
    bench = Bench()
    bench.see("open")
    bench.ask("shelve", span_ns=round(HOUR_S * NS))
    bench.ask("acknowledge", anomaly_id=None)
    bench.cycle.unshelve()
    assert bench.state == "acknowledged"
    assert bench.see(None) is None


def test_in_maintenance_nobody_is_told_and_what_is_open_afterwards_opens_then() -> None:
    bench = Bench()
    bench.ask("maintain", span_ns=None)
    assert bench.see("open") is None
    assert bench.see("update", severity=9.0) is None
    assert (bench.state, bench.cycle.silenced) == ("maintenance", 2)
    bench.cycle.resume()
    assert bench.state == "open"
    assert bench.see(None, severity=9.0) == "open"
    assert bench.see("close") == "close"


def test_what_comes_and_goes_in_a_maintenance_is_never_told() -> None:
    bench = Bench()
    bench.ask("maintain", span_ns=None)
    assert [bench.see("open"), bench.see("close")] == [None, None]
    bench.cycle.resume()
    assert bench.state == "quiet"
    assert bench.happened == ["opened", "closed", "maintenance ended"]


def test_what_was_open_before_a_maintenance_is_told_to_close_in_it() -> None:
    bench = Bench()
    bench.see("open")
    bench.ask("maintain", span_ns=None)
    assert bench.see("update", severity=5.0) is None
    assert bench.see("close") == "close"


@pytest.mark.parametrize("what", ["shelve", "maintain"])
@pytest.mark.parametrize("set_by_s", [-1e9, -60.0, 60.0, 1e9])
def test_a_silence_lasts_as_long_as_was_asked_whoever_sets_the_clock(
    what: str, set_by_s: float
) -> None:
    bench = Bench()
    bench.ask(what, span_ns=round(HOUR_S * NS))
    bench.utc_s += set_by_s
    bench.wait(HOUR_S - 1)
    assert bench.state != "quiet"
    bench.wait(1)
    assert bench.state == "quiet"


def test_a_silence_goes_on_over_restarts_of_agent_and_machine() -> None:
    bench = Bench()
    bench.ask("shelve", span_ns=round(HOUR_S * NS))
    bench.wait(600)
    bench.restart()
    bench.wait(600)
    bench.restart(off_s=600)
    bench.wait(1799)
    assert bench.state == "shelved"
    bench.wait(1)
    assert bench.state == "quiet"


def test_a_machine_that_wakes_up_in_1970_shelves_no_longer_than_was_asked() -> None:
    bench = Bench()
    bench.ask("shelve", span_ns=round(HOUR_S * NS))
    bench.utc_s = 0.0
    bench.restart(off_s=0.0)
    bench.wait(HOUR_S)
    assert bench.state == "quiet"


def test_an_anomaly_that_is_gone_after_a_restart_is_over_and_can_still_be_labelled() -> None:
    bench = Bench()
    bench.see("open")
    bench.cycle.begin(None, bench.now)
    assert bench.state == "quiet"
    assert bench.happened[-1] == "ended"
    bench.ask("label", verdict="rejected", anomaly_id=None)
    assert bench.cycle.kept.past[-1].label == "rejected"


def test_a_label_of_what_is_open_takes_note_of_it() -> None:
    bench = Bench()
    bench.see("open")
    bench.ask("label", verdict="confirmed", anomaly_id=None)
    assert bench.state == "acknowledged"
    bench.see("close")
    assert [one.label for one in bench.cycle.kept.past] == ["confirmed"]


def test_the_last_ones_can_be_labelled_by_their_id_and_no_other() -> None:
    bench = Bench()
    for number in range(1, PAST_MAX + 3):
        bench.see("open", number)
        bench.see("close", number)
    assert len(bench.cycle.kept.past) == PAST_MAX
    bench.ask("label", verdict="confirmed", anomaly_id=f"{3:032x}")
    assert bench.cycle.kept.past[0].label == "confirmed"
    with pytest.raises(CannotError, match=f"no anomaly {2:032x}; the last ones: {3:032x}, "):
        bench.ask("label", verdict="confirmed", anomaly_id=f"{2:032x}")


def test_an_anomaly_is_also_known_by_the_first_digits_of_its_id_where_no_other_has_them() -> None:
    bench = Bench()
    for number in (0xA << 124, 0xAB << 120):
        bench.see("open", number)
        bench.see("close", number)
    bench.ask("label", verdict="confirmed", anomaly_id="ab00")
    assert [one.label for one in bench.cycle.kept.past] == [None, "confirmed"]
    with pytest.raises(CannotError, match="2 anomalies begin with a; the last ones: a0000"):
        bench.ask("label", verdict="rejected", anomaly_id="a")
    bench.see("open", 0xC << 124)
    with pytest.raises(CannotError, match="anomaly ab00 is not open, c0000"):
        bench.ask("acknowledge", anomaly_id="ab00")
    bench.ask("acknowledge", anomaly_id="c000")
    assert bench.state == "acknowledged"


@pytest.mark.parametrize(
    ("what", "arguments", "reason"),
    [
        ("acknowledge", {"anomaly_id": None}, "no anomaly is open"),
        ("label", {"verdict": "confirmed", "anomaly_id": None}, "there was no anomaly"),
    ],
)
def test_what_cannot_be_done_says_why(what: str, arguments: dict[str, object], reason: str) -> None:
    bench = Bench()
    with pytest.raises(CannotError, match=reason):
        bench.ask(what, **arguments)
    with pytest.raises(CannotError, match="not shelved"):
        bench.cycle.unshelve()
    with pytest.raises(CannotError, match="not in maintenance"):
        bench.cycle.resume()
    bench.see("open")
    with pytest.raises(CannotError, match=f"anomaly {7:032x} is not open, {1:032x} is"):
        bench.ask("acknowledge", anomaly_id=f"{7:032x}")
