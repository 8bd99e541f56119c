from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.daemon.alarms.cycle import CannotError, Cycle, Seen, Told
from edge_agent.daemon.alarms.kept import PAST_MAX, Kept, Noted
from edge_agent.daemon.alarms.messages import Level
from edge_agent.daemon.alarms.term import Now

NS = 1_000_000_000
HOUR_S = 3600.0


@dataclass
class Bench:
    """A cycle with clocks of its own, and what it told."""

    utc_s: float = 1_700_000_000.0
    boot_s: float = 100.0
    boot_id: str = "first"
    happened: list[str] = field(default_factory=list)
    told: list[Told | None] = field(default_factory=list)
    silenced_before: int = 0

    def __post_init__(self) -> None:
        self.cycle = Cycle(Kept(), self.now, self._note)

    def _note(self, what: str, _anomaly: Noted | None, note: str | None) -> None:
        self.happened.append(what)
        if what in ("shelving ended", "maintenance ended"):
            assert note is not None
            self.silenced_before += int(note.split()[0])

    @property
    def now(self) -> Now:
        return Now(round(self.utc_s * NS), round(self.boot_s * NS), self.boot_id)

    @property
    def state(self) -> str:
        return self.cycle.state

    def wait(self, seconds: float) -> None:
        self.utc_s += seconds
        self.boot_s += seconds
        self.cycle.tick(self.now)

    def restart(self, *, off_s: float | None = None) -> None:
        """Start the agent again, or the machine after ``off_s``."""
        if off_s is not None:
            self.utc_s += off_s
            self.boot_s, self.boot_id = 20.0, f"{self.boot_id}+"
        kept = msgspec.json.decode(msgspec.json.encode(self.cycle.kept), type=Kept)
        self.cycle = Cycle(kept, self.now, self._note)
        self.cycle.begin(kept.anomaly, self.now)

    def see(
        self, event: Told | None, number: int = 1, severity: float = 1.2, level: Level = "alert"
    ) -> Told | None:
        noted = Noted(
            id=f"{number:032x}",
            number=number,
            detector="network",
            opened_ns=number * NS,
            severity=severity,
            level=level,
        )
        self.told.append(self.cycle.window(Seen(event, noted), self.now))
        return self.told[-1]

    def ask(self, what: str, **arguments: object) -> None:
        getattr(self.cycle, what)(by="kim", note=None, now=self.now, **arguments)


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


class LifeCycle(RuleBasedStateMachine):
    """Whatever is found, asked, waited for or restarted: nothing is lost, and nothing is silent
    for a reason that is over."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.number = 0
        self.severity = 0.0
        self.open = False
        self.level: Level = "alert"
        self.given: tuple[float, Level] | None = None
        self.until: dict[str, float | None] = {}  # by the silences that last; None: no end
        self.told: list[tuple[int, Told]] = []
        self.silent = 0

    def _see(self, event: Told | None, *, louder: bool = False) -> None:
        if self.until and (event in ("open", "update") or louder):
            self.silent += 1
        told = self.bench.see(event, self.number, self.severity, self.level)
        if told is not None:
            self.told.append((self.number, told))
        if told is None and event is not None:
            assert "maintain" in self.until or event == "close"
        if self.given is not None:
            worse = self.severity >= 2 * self.given[0] or self.level != self.given[1]
            self.given = None if worse else self.given
        if event == "close":
            self.given = None

    @precondition(lambda self: not self.open)
    @rule(severity=st.floats(1.0, 4.0), level=st.sampled_from(["alert", "alarm"]))
    def opens(self, severity: float, level: Level) -> None:
        self.number += 1
        self.open, self.severity, self.level = True, severity, level
        self._see("open")

    @precondition(lambda self: self.open)
    @rule(factor=st.floats(1.0, 3.0), alarm=st.booleans(), update=st.booleans())
    def goes_on(self, factor: float, *, alarm: bool, update: bool) -> None:
        self.severity *= factor
        louder = alarm and self.level == "alert"
        self.level = "alarm" if alarm else self.level
        self._see("update" if update else None, louder=louder)

    @precondition(lambda self: self.open)
    @rule()
    def closes(self) -> None:
        self.open = False
        self._see("close")

    @precondition(lambda self: self.open)
    @rule()
    def acknowledge(self) -> None:
        self.bench.ask("acknowledge", anomaly_id=None)
        self.given = self.severity, self.level

    @rule(what=st.sampled_from(["shelve", "maintain"]), hours=st.integers(1, 5))
    def silence(self, what: str, hours: int) -> None:
        self.bench.ask(what, span_ns=hours * 3600 * NS)
        self.until[what] = self.bench.boot_s + hours * 3600

    @rule()
    def maintain_without_end(self) -> None:
        self.bench.ask("maintain", span_ns=None)
        self.until["maintain"] = None

    @precondition(lambda self: self.until)
    @rule(data=st.data())
    def end_a_silence(self, data: st.DataObject) -> None:
        what = data.draw(st.sampled_from(sorted(self.until)))
        del self.until[what]
        if what == "shelve":
            self.bench.cycle.unshelve()
        else:
            self.bench.cycle.resume()

    @rule(minutes=st.integers(1, 400))
    def wait(self, minutes: int) -> None:
        self.bench.wait(minutes * 60)
        now_s = self.bench.boot_s
        self.until = {w: end for w, end in self.until.items() if end is None or end > now_s}

    @rule(by_s=st.floats(-1e6, 1e6))
    def set_the_clock(self, by_s: float) -> None:
        self.bench.utc_s += by_s

    @rule()
    def restart(self) -> None:
        before = self.bench.state, self.bench.cycle.silenced
        self.bench.restart()
        assert (self.bench.state, self.bench.cycle.silenced) == before

    @invariant()
    def calls_exactly_where_nothing_speaks_against_it(self) -> None:
        expected = "quiet"
        if "maintain" in self.until:
            expected = "maintenance"
        elif "shelve" in self.until:
            expected = "shelved"
        elif self.open:
            expected = "open" if self.given is None else "acknowledged"
        assert self.bench.state == expected

    @invariant()
    def each_anomaly_is_told_from_open_to_close_or_not_at_all(self) -> None:
        for number in range(1, self.number + 1):
            of_this = [told for one, told in self.told if one == number]
            assert of_this[:1] in ([], ["open"])
            assert of_this.count("open") <= 1
            assert "close" not in of_this[:-1]
            if of_this and not (self.open and number == self.number):
                assert of_this[-1] == "close"

    @invariant()
    def knows_every_anomaly(self) -> None:
        kept = self.bench.cycle.kept
        numbers = [one.number for one in kept.past] + [self.number] * self.open
        assert (
            numbers[-PAST_MAX:]
            == list(range(1, self.number + 1))[-PAST_MAX - self.open :][-PAST_MAX:]
        )
        assert (kept.anomaly is not None) == self.open

    @invariant()
    def what_nobody_was_called_for_is_counted(self) -> None:
        assert self.bench.silenced_before + self.bench.cycle.silenced == self.silent


TestLifeCycle = LifeCycle.TestCase
TestLifeCycle.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
