"""The life cycle of an alarm: whatever is found, asked, waited for or restarted, in any order."""

from cycle_bench import NS, Bench
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.daemon.alarms.cycle import Told
from edge_agent.daemon.alarms.kept import PAST_MAX
from edge_agent.daemon.alarms.messages import Level


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
