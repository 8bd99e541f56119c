"""Models that change under fifty assets at full speed, with restarts and kills in between."""

import random
import re
import signal
import time
from collections import Counter
from pathlib import Path

from benchmarks.broker import Broker
from benchmarks.torture import accounts
from benchmarks.torture.agent import Agent, asset_names, wait_until
from benchmarks.torture.ears import BROKER_LINES, Ears, Heard
from benchmarks.torture.samples import other_version, small_bundle
from benchmarks.torture.scenario import Outcome, Scale
from benchmarks.torture.undisturbed import Compared, anomalies_left, compare
from edge_agent.bundle import Bundle, LoadedBundle
from edge_agent.daemon.ledger import LedgerSnapshot

RATE_HZ = 2560.0  # a window lasts a tenth of a second, in real time
SEED = 5

_ASSETS, _FEWEST_ASSETS = 50, 8
_RELOADS, _FEWEST_RELOADS = 30, 6  # of some fifteen swaps each in the full form
_ALONE_EVERY = 5  # so many assets one is held against each model alone, in the full form
_RESTART_EVERY, _SHORT_EVERY = 5, 2  # reloads
_RESTARTS = ("stopped", "killed", "killed while swapping")
_REFUSED_EVERY = 9
_MODELS = 3
_INTERVAL_S = 0.1
_PATIENCE_S = 200.0
_DRAIN_S = 600.0
_DONE = "configuration changed"
_REFUSED = "going on with the configuration as it was"
_WARMED = re.compile(
    r"asset (?P<asset>\S+): judged by .* from window (?P<first>\d+) on.*: warmed up with"
    r" (?P<count>\d+) windows"
)
_HEAD = """\
state_save_s = 2
[publish]
features = true
[outbox]
backlog_per_s = 5000
"""


class Swaps:
    """Half of the assets follow a file that is replaced, half are told another file."""

    name = "swaps"

    def run(self, scale: Scale, folder: Path) -> Outcome:
        """Change models again and again; then let all arrive, and compare."""
        broker = Broker(folder, BROKER_LINES)
        broker.start()
        ears = Ears(broker.port)
        plant = _Plant(
            Agent(folder / "agent", broker.port, rate_hz=RATE_HZ),
            scale.of(_ASSETS, _FEWEST_ASSETS),
            (_RESTART_EVERY, _ALONE_EVERY) if scale.share else (_SHORT_EVERY, 1),
        )
        try:
            plant.begin()
            for number in range(1, scale.of(_RELOADS, _FEWEST_RELOADS) + 1):
                plant.reload(number)
            plant.agent.kill()
            plant.watch(1e6)  # no further windows
            plant.agent.start()
            ledger = accounts.drained(plant.agent, ears, _DRAIN_S)
        finally:
            plant.agent.kill()
            ears.close()
            broker.stop()
        outcome = Outcome()
        _judge(outcome, plant, ledger, ears)
        return outcome


class _Plant:
    """The agent, its models, and which asset follows which."""

    def __init__(self, agent: Agent, assets: int, every: tuple[int, int]) -> None:
        self.agent = agent
        self._restart_every, self.alone_every = every
        self.names = asset_names(assets)
        self.restarts: Counter[str] = Counter()
        self.refused = 0
        self._rng = random.Random(SEED)  # noqa: S311 - to be the same every time
        first = small_bundle(RATE_HZ)
        bundles = [first, *(other_version(first, number) for number in range(1, _MODELS))]
        self.models: dict[str, LoadedBundle] = {}
        self._files: list[Path] = []
        for number, content in enumerate(bundles):
            bundle = Bundle.decode(content)
            self.models[bundle.sha256] = bundle.load()
            self._files.append(agent.folder / f"model-{number}.edgemodel")
            self._files[-1].write_bytes(content)
        self._shared = agent.folder / "shared.edgemodel"
        self._shared_follows = 0
        self._follows = dict.fromkeys(self.names[::2], 0)  # the others follow the shared file

    def begin(self) -> None:
        """Start, and let every history be filled."""
        self._shared.write_bytes(self._files[0].read_bytes())
        self.watch(_INTERVAL_S)
        self.agent.start()
        self.agent.wait_until_scored(self.names, 30)

    def watch(self, interval_s: float) -> None:
        """Name all assets with what they follow now."""
        self.agent.configure(_HEAD)
        for number, name in enumerate(self.names):
            follows = self._follows.get(name)
            self.agent.watch(
                name,
                bundle=self._shared if follows is None else self._files[follows],
                real_time=True,
                interval_s=interval_s,
                phase_s=number * _INTERVAL_S / len(self.names),
                loud_every=60,
                loud_for=12,
            )

    def reload(self, number: int) -> None:
        """Change some models, sometimes together with a restart, sometimes to what is none."""
        if number % _REFUSED_EVERY == 0:
            self._offer_what_is_no_bundle()
            return
        self._choose()
        turn, later = divmod(number, self._restart_every)
        how = None if later else _RESTARTS[turn % len(_RESTARTS)]
        if how == "stopped":
            self.agent.stop()
        elif how == "killed":
            self.agent.kill()
        if how in ("stopped", "killed"):
            self.watch(_INTERVAL_S)
            self.agent.start()
        else:
            self._ask(_DONE, wait=how is None)
        if how == "killed while swapping":
            time.sleep(self._rng.uniform(0.0, 3.0))
            self.agent.kill()
            self.agent.start()
        if how is not None:
            self.restarts[how] += 1
            self.agent.wait_until_scored(self.names)
        time.sleep(self._rng.uniform(0.2, 2.0))

    def warmed(self, name: str) -> dict[int, int]:
        """Return with how many windows each model of an asset was warmed up, by its first one."""
        found: dict[int, int] = {}
        for match in filter(None, map(_WARMED.search, self.agent.said())):
            if match["asset"] == name:  # killed before such a window, it begins again before it
                first = int(match["first"])
                found = {index: count for index, count in found.items() if index < first}
                found[first] = int(match["count"])
        return found

    def _choose(self) -> None:
        if self._rng.random() < 1 / 2:
            self._shared_follows = (self._shared_follows + 1) % _MODELS
            new = self._shared.with_suffix(".new")
            new.write_bytes(self._files[self._shared_follows].read_bytes())
            new.replace(self._shared)
        for name in self._rng.sample(list(self._follows), k=max(1, len(self._follows) // 5)):
            self._follows[name] = (self._follows[name] + 1) % _MODELS

    def _offer_what_is_no_bundle(self) -> None:
        self._shared.write_bytes(b"no bundle")
        self._ask(_REFUSED, wait=True)
        self._shared.write_bytes(self._files[self._shared_follows].read_bytes())
        self.refused += 1

    def _ask(self, answer: str, *, wait: bool) -> None:
        said = self._count(answer)
        self.watch(_INTERVAL_S)
        self.agent.write_config()
        self.agent.signal(signal.SIGHUP)
        if wait and not wait_until(lambda: self._count(answer) > said, _PATIENCE_S):
            raise self.agent.failure(f"it does not say: {answer}")

    def _count(self, sentence: str) -> int:
        return sum(sentence in line for line in self.agent.said())


def _judge(outcome: Outcome, plant: _Plant, ledger: LedgerSnapshot, ears: Ears) -> None:
    once = list(accounts.by_id(ears.heard).values())
    heard = {
        (name, kind): [m for m in once if (m.asset, m.kind) == (name, kind)]
        for name in plant.names
        for kind in ("score", "features", "anomaly")
    }
    total = Compared()
    for number, name in enumerate(plant.names):
        alone = number % plant.alone_every == 0
        scores, features = heard[name, "score"], heard[name, "features"]
        total.add(compare(scores, features, plant.models, plant.warmed(name), alone=alone))
    restarts = ", ".join(f"{count} {how}" for how, count in plant.restarts.items())
    outcome.add(
        "swaps: one model each",
        "every window is heard of once, scored by one model; none is missing or doubled",
        f"{total.windows} windows of {len(plant.names)} assets, {total.swaps} swaps,"
        f" {plant.refused} refused, restarts: {restarts}; {total.skipped} missing,"
        f" {accounts.doubled(ears.heard)} doubled",
        passed=(total.skipped, accounts.doubled(ears.heard)) == (0, 0) and total.swaps > 0,
    )
    tolerance = max(b.manifest.flow.model.washout_tolerance for b in plant.models.values())
    outcome.add(
        "swaps: scores",
        "bit-equal to a run with the same swaps and no restart; to one without swaps within the"
        f" washout's tolerance, {tolerance:g}; none unscored for a swap",
        f"{total.bits} not bit-equal; of {total.alone} windows farthest {total.farthest:.1e},"
        f" {total.unscored} unscored",
        passed=(total.bits, total.unscored) == (0, 0) and 0.0 < total.farthest <= tolerance,
    )
    wrong = accounts.contradictions(ledger, ears.heard)
    wrong += _miscounted(plant, ledger, heard)
    outcome.add(
        "swaps: ledger",
        "exact, also by model",
        "; ".join(wrong[:3]) or "no contradiction",
        passed=not wrong,
    )
    stories = [
        f"{name}: {story}"
        for name in plant.names
        for story in anomalies_left(heard[name, "anomaly"])
    ]
    events = sum(len(heard[name, "anomaly"]) for name in plant.names)
    outcome.add(
        "swaps: alarms",
        "what a model opens is closed under its number, whoever judges by then",
        f"{events} events; " + ("; ".join(stories[:3]) or "all in order"),
        passed=not stories and events > 0,
    )


def _miscounted(
    plant: _Plant, ledger: LedgerSnapshot, heard: dict[tuple[str, str], list[Heard]]
) -> list[str]:
    """Return a sentence for each asset whose windows by model are not what was heard."""
    found = []
    for asset in ledger.assets:
        by_model = Counter(
            plant.models[m.said["model_sha256"]].model_id
            for m in heard[asset.asset, "score"]
            if m.said["score"] is not None
        )
        if dict(by_model) != asset.windows.models:
            found.append(f"{asset.asset}: heard {dict(by_model)}, counted {asset.windows.models}")
    return found
