"""The broker away for an hour of data, and back; once with room for all, once without."""

import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.broker import Broker
from benchmarks.torture import accounts
from benchmarks.torture.agent import Agent, asset_names, memory, wait_until
from benchmarks.torture.ears import BROKER_LINES, Ears, Heard
from benchmarks.torture.scenario import Outcome, Scale
from edge_agent.daemon.ledger import LedgerSnapshot

ASSETS = 50
PERIOD_S = 60.0
MOST_GROWTH_MB = 1.0
RUSH = 130  # windows of each asset at once at first, so that every history is full
LIVE_WITHIN_S = 2.0  # of its window, while the backlog is sent
CAP_MB = 1.0

_FULL_S, _SHORT_S = 3600, 300  # of data; a window a minute for each asset
_SPEEDUP = 60.0
_BACKLOG_PER_S = 200
_DRAIN_S = 600.0
_MANY = 1 << 30
_LEAST_LIVE = 20  # messages that must have come while there was still backlog
_HEAD = """\
[publish]
features = true
[outbox]
backlog_per_s = {backlog_per_s}
max_mb = {max_mb}
"""


class Outage:
    """Fifty assets, a window a minute each, sped up; features published too."""

    name = "outage"

    def run(self, scale: Scale, folder: Path) -> Outcome:
        """Twice: with the usual cap, and with one that is too small."""
        outcome = Outcome()
        data_s = scale.of(_FULL_S, _SHORT_S)
        with outcome.part("outage", "to go on"):
            _Run(folder / "whole", data_s, 100.0).whole(outcome)
        with outcome.part("outage with a small cap", "to go on"):
            # More than fits the cap, whatever the scale.
            _Run(folder / "capped", max(data_s, 3 * _SHORT_S), CAP_MB).capped(outcome)
        return outcome


class _Run:
    """One outage."""

    def __init__(self, folder: Path, data_s: float, max_mb: float) -> None:
        folder.mkdir(parents=True)
        self._data_s = data_s
        self._interval_s = PERIOD_S / _SPEEDUP
        self._lasting_s = data_s / _SPEEDUP
        self._max_mb = max_mb
        self._broker = Broker(folder, BROKER_LINES)
        self._agent = Agent(folder / "agent", self._broker.port, period_s=PERIOD_S)
        self._memory_mb: list[float] = []
        self._largest = 0
        self._back_s = 0.0
        self._heard: list[Heard] = []

    def whole(self, outcome: Outcome) -> None:
        """Everything arrives, live first, and memory stays as it is."""
        ledger = self._go(RUSH)
        total, once = ledger.total(), accounts.by_id(self._heard)
        missing, doubled = accounts.holes(self._heard), accounts.doubled(self._heard)
        late = sum(message.late for message in self._heard)
        outcome.add(
            "outage: delivered",
            f"all of {self._data_s / 60:.0f} minutes of {ASSETS} assets, nothing twice",
            f"{total.queued} queued, {len(once)} came, {late} of them late;"
            f" {missing} missing, {doubled} doubled",
            passed=(len(once), missing, doubled) == (total.queued, 0, 0) and late > 0,
        )
        wrong = accounts.contradictions(ledger, self._heard)
        outcome.add(
            "outage: ledger",
            "exact",
            "; ".join(wrong[:3]) or "no contradiction",
            passed=not wrong,
        )
        slowest_s, live, disorder = self._live()
        outcome.add(
            "outage: live first",
            "live messages go between those of the backlog; of that anomalies first, features last",
            f"{live} live ones in between; {disorder} of the backlog out of turn",
            passed=live >= _LEAST_LIVE and disorder == 0,
        )
        outcome.add(
            "outage: live in time",
            f"live messages within {LIVE_WITHIN_S:g} s while backlog is sent",
            f"the slowest after {slowest_s:.2f} s",
            passed=slowest_s < LIVE_WITHIN_S,
            timed=True,
        )
        growth_mb = max(self._memory_mb[1:]) - self._memory_mb[0]
        outcome.add(
            "outage: memory",
            f"grows by less than {MOST_GROWTH_MB:g} MB meanwhile, without the files mapped",
            f"{growth_mb:+.2f} MB from {self._memory_mb[0]:.1f} MB",
            passed=growth_mb < MOST_GROWTH_MB,
        )

    def capped(self, outcome: Outcome) -> None:
        """What has to go is counted, the least important and oldest first."""
        ledger = self._go()
        cap = round(self._max_mb * 1e6)
        outcome.add(
            "outage: byte cap",
            f"at most {cap} bytes wait",
            f"{self._largest} at the most",
            passed=0 < self._largest <= cap,
        )
        wrong = accounts.contradictions(ledger, self._heard)
        evicted = {
            kind: accounts.counts(ledger, kind).evicted for kind in ("features", "score", "anomaly")
        }
        outcome.add(
            "outage: evicted",
            "counted exactly by asset and kind; features before scores before anomalies",
            ", ".join(f"{count} {kind}" for kind, count in evicted.items())
            + f"; {'; '.join(wrong[:3]) or 'no contradiction'}",
            passed=not wrong
            and evicted["features"] > 0
            and (not evicted["anomaly"] or not self._came_late("score"))
            and (not evicted["score"] or not self._came_late("features")),
        )
        scattered = _scattered(self._heard)
        outcome.add(
            "outage: oldest first",
            "what is missing of a topic is one stretch, with nothing late before its end",
            f"{scattered} late messages from before something that is missing",
            passed=scattered == 0,
        )

    def _go(self, rush: int = 0) -> LedgerSnapshot:
        self._broker.start()
        ears = Ears(self._broker.port)
        names = asset_names(ASSETS)
        try:
            self._watch(self._interval_s, rush)
            self._agent.start()
            self._agent.wait_until_scored(names, rush + 2)
            self._away()
            self._broker.start()
            self._back_s = time.monotonic()
            if not wait_until(lambda: self._waiting() < ASSETS, _DRAIN_S):
                raise self._agent.failure(f"{self._waiting()} messages still wait")
            self._agent.stop()
            self._watch(1e6)  # no further windows
            self._agent.start()
            ledger = accounts.drained(self._agent, ears, _DRAIN_S)
        finally:
            self._agent.kill()
            ears.close()
            self._broker.stop()
        self._heard = ears.heard
        return ledger

    def _watch(self, interval_s: float, rush: int = 0) -> None:
        head = _HEAD.format(backlog_per_s=_BACKLOG_PER_S, max_mb=self._max_mb)
        self._agent.configure(head)
        for number, name in enumerate(asset_names(ASSETS)):
            phase_s = number * self._interval_s / ASSETS
            self._agent.watch(
                name,
                interval_s=interval_s,
                phase_s=phase_s,
                rush=rush,
                loud_every=30,
                loud_for=6,
            )

    def _away(self) -> None:
        """Stop the broker for as long as is asked, and look at memory and outbox meanwhile."""
        if not wait_until(lambda: self._waiting() < ASSETS, _DRAIN_S):
            raise self._agent.failure("what came in the rush is not sent")
        self._memory_mb.append(memory(self._agent.pid).own_mb)
        self._broker.stop()
        end_s = time.monotonic() + self._lasting_s
        while time.monotonic() < end_s:
            time.sleep(1.0)
            self._memory_mb.append(memory(self._agent.pid).own_mb)
            self._waiting()

    def _waiting(self) -> int:
        """Return how many messages wait; note the bytes that they take."""
        if self._agent.ended is not None:
            raise self._agent.failure("it ended")
        ledger = accounts.snapshot(self._agent)
        if ledger is None:
            return _MANY
        self._largest = max(self._largest, self._agent.report()["outbox"]["bytes"])
        return ledger.total().pending

    def _live(self) -> tuple[float, int, int]:
        """Return the slowest live message and how many came between late ones; late disorder."""
        after = [message for message in self._heard if message.at_s >= self._back_s]
        late = [position for position, message in enumerate(after) if message.late]
        between = [message for message in after[late[0] : late[-1]] if not message.late]
        # A window is made every interval: what is live comes that much after the one before.
        rank = {"anomaly": 0, "score": 1, "features": 2}
        ranks = [rank[after[position].kind] for position in late]
        disorder = sum(one > other for one, other in pairwise(ranks))
        gaps_s = _gaps_s(between)
        return max(gaps_s, default=0.0) - self._interval_s, len(between), disorder

    def _came_late(self, kind: str) -> bool:
        return any(message.late and message.kind == kind for message in self._heard)


def _gaps_s(messages: Sequence[Heard]) -> list[float]:
    """Return the seconds between messages of the same topic."""
    last: dict[tuple[str, str], float] = {}
    found = []
    for message in messages:
        key = (message.asset, message.kind)
        if message.kind != "anomaly" and key in last:
            found.append(message.at_s - last[key])
        last[key] = message.at_s
    return found


def _scattered(heard: Sequence[Heard]) -> int:
    """Return how many late messages are older than one of their kind that is missing."""
    numbers = defaultdict[tuple[str, str, str], dict[int, bool]](dict)
    for message in heard:
        key = (message.asset, message.kind, message.said["session"])
        numbers[key][message.said["seq"]] = message.late
    found = 0
    for of_topic in numbers.values():
        missing = set(range(max(of_topic))) - of_topic.keys()
        found += sum(late and seq < max(missing, default=-1) for seq, late in of_topic.items())
    return found
