"""Files that are damaged or gone, and disks that cannot be written."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

from benchmarks.broker import Broker
from benchmarks.torture import accounts, small_disk
from benchmarks.torture.agent import Agent, asset_names, wait_until
from benchmarks.torture.ears import BROKER_LINES, Ears
from benchmarks.torture.scenario import Outcome, Scale

ASSETS = 3
SEED = 2

_FULL, _SHORT = 10, 1  # times that a file is damaged, each time elsewhere
_PATIENCE_S = 200.0
_FLIPPED = 40  # bytes
_SIDE_BY_SIDE = 3
_HEAD = "state_save_s = 1\n"
_NO_TRACEBACK = "Traceback"


class _Damage(NamedTuple):
    """What is done to a state directory.

    Attributes:
        do: it.
        after_kill: else the agent has ended in order: then all is in the file, not in its log.
        noticed: SQLite cannot but see it.
    """

    do: Callable[[Path, random.Random], None]
    after_kill: bool
    noticed: bool


class Damage:
    """Three assets; each part with an agent and a broker of its own."""

    name = "damage"

    def run(self, scale: Scale, folder: Path) -> Outcome:
        """Damage one thing after the other; some side by side, as most of it is waiting."""
        times = scale.of(_FULL, _SHORT)
        parts: dict[str, Callable[[Outcome, str, _Bench], None]] = {
            "disk full": _on_small_disk(small_disk.full),
            "read-only": _on_small_disk(small_disk.read_only),
        }
        for name, damage in _DATABASE.items():
            parts[name] = partial(_damaged_state, damage=damage, times=times)
        for name, spoil in _BUNDLE.items():
            parts[name] = partial(_spoilt_bundle, spoil=spoil)

        def run_part(name: str) -> Outcome:
            outcome = Outcome()
            title = f"damage: {name}"
            with outcome.part(title, "to go on"), _Bench(folder / name) as bench:
                parts[name](outcome, title, bench)
            return outcome

        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            outcomes = list(pool.map(run_part, parts))
        return Outcome([check for outcome in outcomes for check in outcome.checks])


def _on_small_disk(
    disk: Callable[[Outcome, str, Agent, Ears], None],
) -> Callable[[Outcome, str, "_Bench"], None]:
    return lambda outcome, name, bench: disk(outcome, name, bench.agent, bench.ears)


class _Bench:
    """A broker, a subscriber and an agent that was not started yet."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._broker = Broker(folder, BROKER_LINES)
        self._folder = folder

    def __enter__(self) -> Self:
        self._broker.start()
        self.ears = Ears(self._broker.port)
        self.agent = Agent(self._folder / "agent", self._broker.port, rate_hz=2560.0)
        self.agent.configure(_HEAD)
        for asset in asset_names(ASSETS):
            self.agent.watch(asset, real_time=True, interval_s=0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.agent.kill()
        self.ears.close()
        self._broker.stop()

    def stop_broker(self) -> None:
        """Let messages wait."""
        self._broker.stop()

    def start_broker(self) -> None:
        """Let them go."""
        if not self._broker.is_running:
            self._broker.start()


_SCORES_ON = "it starts and scores; what was set aside is told; no traceback"
_REFUSED = "said in words; the others go on without a gap; scored when it is back, by itself"


def _damaged_state(outcome: Outcome, name: str, bench: _Bench, damage: _Damage, times: int) -> None:
    """Kill the agent with messages waiting, damage a file, start it again; and again."""
    rng = random.Random(SEED)  # noqa: S311 - to be the same every time
    agent, ears = bench.agent, bench.ears
    agent.start()
    agent.wait_until_scored(asset_names(ASSETS), 20)
    aside, wrong = 0, list[str]()
    for _ in range(times):
        bench.stop_broker()
        agent.wait_until_scored(asset_names(ASSETS), _windows(agent) + 10)
        if damage.after_kill:
            agent.kill()
        else:
            agent.stop()
        damage.do(agent.state, rng)
        agent.start()
        bench.start_broker()
        heard = len(ears.heard)
        agent.wait_until_scored(asset_names(ASSETS), 1)
        if not wait_until(partial(_has_heard, ears, heard + 20), _PATIENCE_S):
            raise agent.failure("nothing is heard after the damage")
        report = agent.report()
        aside += report["outbox"]["set_aside"]
        wrong += accounts.contradictions_inside(report)
    doubled = accounts.doubled(ears.heard)
    traceback = any(_NO_TRACEBACK in line for line in agent.said())
    kept = sorted(path.name for path in agent.state.glob("*.corrupt-*"))
    outcome.add(
        name,
        _SCORES_ON,
        f"{times} times: scored each time; {aside} set aside, {len(kept)} kept; {doubled} doubled,"
        f" {ears.garbled} garbled;"
        f" {'; '.join(wrong[:2]) or 'ledger exact'}"
        + ("; a traceback in the log" if traceback else ""),
        passed=not (wrong or traceback or doubled or ears.garbled)
        and (aside > 0) == bool(kept)
        and (aside == times or not damage.noticed),
    )


def _spoilt_bundle(
    outcome: Outcome, name: str, bench: _Bench, *, spoil: Callable[[Path], None]
) -> None:
    """Start with one asset's bundle spoilt, and put it back while the agent runs."""
    agent = bench.agent
    sound = agent.bundle.read_bytes()
    own = agent.folder / "own.edgemodel"
    own.write_bytes(sound)
    spoil(own)
    agent.watch("spoilt", bundle=own, real_time=True, interval_s=0.1)
    agent.start()
    agent.wait_until_scored(asset_names(ASSETS), 10)
    (state,) = (a for a in agent.report()["assets"] if a["name"] == "spoilt")
    own.write_bytes(sound)
    agent.wait_until_scored(["spoilt"], 10)
    heard = [[m for m in bench.ears.heard if m.asset == asset] for asset in asset_names(ASSETS)]
    missing = sum(accounts.holes(scores) for scores in heard)
    gaps = sum(m.said["gap"] for scores in heard for m in scores if m.kind == "score")
    traceback = any(_NO_TRACEBACK in line for line in agent.said())
    outcome.add(
        name,
        _REFUSED,
        f"{state['state']}: {state['reason']}; {missing} messages missing and {gaps} gaps in"
        f" {sum(map(len, heard))} of the others; scored when it was back",
        passed=state["state"] == "failed" and (missing, gaps, traceback) == (0, 0, False),
    )


def _has_heard(ears: Ears, messages: int) -> bool:
    return len(ears.heard) > messages


def _windows(agent: Agent) -> int:
    return max((asset["windows"] for asset in agent.report().get("assets", ())), default=0)


def _flip(file: Path, first: int, end: int, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(_FLIPPED):
        content[rng.randrange(first, min(end, len(content)))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def _first_page(state: Path, rng: random.Random) -> None:
    _flip(state / "outbox.db", 0, 100, rng)


def _middle(state: Path, rng: random.Random) -> None:
    size = (state / "outbox.db").stat().st_size
    _flip(state / "outbox.db", size // 4, size, rng)


def _log(state: Path, rng: random.Random) -> None:
    _flip(state / "outbox.db-wal", 0, 1 << 30, rng)


def _cut(state: Path, rng: random.Random) -> None:
    file = state / "outbox.db"
    file.write_bytes(file.read_bytes()[: rng.randrange(file.stat().st_size)])


def _asset_state(state: Path, rng: random.Random) -> None:
    for file in (state / "assets").glob("*.state"):
        _flip(file, 0, file.stat().st_size, rng)


def _spoil(bundle: Path) -> None:
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 0xFF
    bundle.write_bytes(content)


_DATABASE: dict[str, _Damage] = {
    "database, page 1": _Damage(_first_page, after_kill=False, noticed=True),
    "database, middle": _Damage(_middle, after_kill=False, noticed=False),
    "database, log": _Damage(_log, after_kill=True, noticed=False),
    "database, cut off": _Damage(_cut, after_kill=False, noticed=True),
    "state file": _Damage(_asset_state, after_kill=True, noticed=False),
}
_BUNDLE: dict[str, Callable[[Path], None]] = {
    "bundle damaged": _spoil,
    "bundle missing": Path.unlink,
}
