"""kill -9 at any moment, also while it starts, with a broker that comes and goes."""

import random
import time
from pathlib import Path

from benchmarks.broker import Broker
from benchmarks.torture import accounts
from benchmarks.torture.agent import Agent, asset_names, wait_until
from benchmarks.torture.ears import BROKER_LINES, Ears
from benchmarks.torture.scenario import Outcome, Scale
from edge_agent.daemon.ledger import LedgerSnapshot

ASSETS = 10
RATE_HZ = 2560.0  # a window lasts a tenth of a second, in real time
SEED = 1

_FULL, _SHORT = 500, 6
_INTERVAL_S = 0.1
_OUTAGE_SHARE = 0.3  # of the lives
_STARTING_SHARE = 0.4  # of the kills meet an agent that starts
_LONGEST_LIFE_S = 3.0  # of the others
_FIRST_S = 60.0
_DRAIN_S = 300.0
_HEAD = """\
state_save_s = 2
[publish]
features = true
[outbox]
backlog_per_s = 2000
"""


class Kills:
    """Ten assets, ten windows a second each, features published too."""

    name = "kills"

    def run(self, scale: Scale, folder: Path) -> Outcome:
        """Kill again and again; then let all arrive, and count."""
        kills = scale.of(_FULL, _SHORT)
        rng = random.Random(SEED)  # noqa: S311 - to be the same every time
        broker = Broker(folder, BROKER_LINES)
        broker.start()
        ears = Ears(broker.port)
        agent = Agent(folder / "agent", broker.port, rate_hz=RATE_HZ)
        try:
            _watch(agent, _INTERVAL_S)
            start_s = _first_start_s(agent, ears)
            failed = 0
            for _ in range(kills):
                _maybe_toggle(broker, rng)
                _let_live(agent, start_s, rng)
                failed += agent.ended is not None
                agent.kill()
                agent.start()
            if not broker.is_running:
                broker.start()
            agent.wait_until_scored(asset_names(ASSETS))
            agent.kill()
            _watch(agent, 1e6)  # no further windows
            agent.start()
            ledger = accounts.drained(agent, ears, _DRAIN_S)
        finally:
            agent.kill()
            ears.close()
            broker.stop()
        outcome = Outcome()
        _judge(outcome, kills + 1, failed, ledger, ears)
        return outcome


def _watch(agent: Agent, interval_s: float) -> None:
    agent.configure(_HEAD)
    for number, name in enumerate(asset_names(ASSETS)):
        agent.watch(
            name,
            real_time=True,
            interval_s=interval_s,
            phase_s=number * _INTERVAL_S / ASSETS,
            loud_every=40,
            loud_for=8,
        )


def _first_start_s(agent: Agent, ears: Ears) -> float:
    """Start, and return how long it takes until something is heard."""
    began_s = time.monotonic()
    agent.start()
    if not wait_until(lambda: ears.heard, _FIRST_S):
        raise agent.failure("nothing is heard")
    return time.monotonic() - began_s


def _let_live(agent: Agent, start_s: float, rng: random.Random) -> None:
    """Wait for the moment of a kill: within a start, or after one however long it takes."""
    if rng.random() < _STARTING_SHARE:
        time.sleep(rng.uniform(0.1, 1.0) * start_s)
        return
    wait_until(lambda: agent.report() or agent.ended is not None, _FIRST_S)
    time.sleep(rng.uniform(0.0, _LONGEST_LIFE_S))


def _maybe_toggle(broker: Broker, rng: random.Random) -> None:
    if not broker.is_running:
        broker.start()
    elif rng.random() < _OUTAGE_SHARE:
        broker.stop()


def _judge(outcome: Outcome, kills: int, failed: int, ledger: LedgerSnapshot, ears: Ears) -> None:
    heard = ears.heard
    total, once = ledger.total(), accounts.by_id(heard)
    missing = accounts.holes(heard)
    lost = total.queued - len(once)
    outcome.add(
        "kills: lost",
        f"after {kills} kill -9 every message queued has come, none is missing in a session",
        f"{total.queued} queued, {len(once)} came: {lost} lost; {missing} numbers missing;"
        f" {total.lost + total.evicted + total.expired + total.refused} given up",
        passed=(lost, missing, total.acknowledged) == (0, 0, total.queued),
    )
    outcome.add(
        "kills: doubled",
        "nothing twice after de-duplication by id",
        f"{len(heard) - len(once)} came again with the same id, {accounts.doubled(heard)} doubled",
        passed=accounts.doubled(heard) == 0,
    )
    wrong = accounts.contradictions(ledger, heard)
    windows = sum(asset.windows.sampled for asset in ledger.assets)
    outcome.add(
        "kills: ledger",
        "exact: windows and messages by asset, kind and fate",
        f"{windows} windows; " + ("; ".join(wrong[:3]) or "no contradiction"),
        passed=not wrong,
    )
    outcome.add(
        "kills: start",
        "never fails",
        f"{failed} of {kills} starts ended by themselves",
        passed=failed == 0,
    )
