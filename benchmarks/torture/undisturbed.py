"""What was heard of an asset held against runs that nothing disturbed, over the same vectors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.torture.ears import Heard
from edge_agent.bundle import LoadedBundle
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.succession import take_over

_NS = 1_000_000_000


@dataclass(slots=True)
class Compared:
    """What came of the comparison.

    Attributes:
        windows: that were compared.
        skipped: indices that were never heard of between those that were.
        bits: scores that are not bit-equal to those of a run with the same swaps and no restart.
        alone: windows that were also held against the window's model alone.
        unscored: of these the ones without a score that such a run has.
        farthest: the largest relative difference to the run of the window's model alone.
        swaps: changes of the model from one window to the next.
    """

    windows: int = 0
    skipped: int = 0
    bits: int = 0
    alone: int = 0
    unscored: int = 0
    farthest: float = 0.0
    swaps: int = 0

    def add(self, other: "Compared") -> None:
        """Add another asset's."""
        for name in ("windows", "skipped", "bits", "alone", "unscored", "swaps"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.farthest = max(self.farthest, other.farthest)


@dataclass(slots=True)
class _Run:
    """One asset again: with the same swaps, and each model alone from the first window on."""

    models: Mapping[str, LoadedBundle]
    chain: Flow
    alone: dict[str, Flow] = field(default_factory=dict)
    past: list[tuple[int, NDArray[np.float32]]] = field(default_factory=list)

    def swap(self, sha256: str, windows: int) -> None:
        """Let another model go on, warmed up with so many windows, as the agent did."""
        flow = self.models[sha256].flow()
        flow.warm_up(self.past[len(self.past) - windows :])
        take_over(flow, self.chain)
        self.chain = flow

    def push(
        self, vector: NDArray[np.float32], start_ns: int, end_ns: int, *, gap: bool
    ) -> WindowResult:
        """Score a window in the run with the same swaps; remember it for the next one."""
        result = self.chain.push_vector(vector, start_ns, end_ns, gap=gap)
        recent = self.chain.scorer.recent
        if recent and (not self.past or recent[-1] is not self.past[-1]):
            self.past.append(recent[-1])
        return result


def compare(
    scores: Sequence[Heard],
    features: Sequence[Heard],
    models: Mapping[str, LoadedBundle],
    warmed: Mapping[int, int],
    *,
    alone: bool,
) -> Compared:
    """Compare all that was heard of one asset.

    Args:
        scores: its score messages, each once.
        features: its feature messages, each once.
        models: by sha256.
        warmed: by the index of the first window that a state judges: with how many windows that
            was warmed up, where it was not saved.
        alone: hold the asset also against each model by itself.
    """
    found = Compared()
    vectors = {message.said["index"]: message.said["values"] for message in features}
    run: _Run | None = None
    sha256, expected = "", 0
    for said in sorted((message.said for message in scores), key=lambda said: int(said["index"])):
        if run is None:
            sha256 = said["model_sha256"]
            run = _Run(models, models[sha256].flow())
            if alone:
                run.alone = {name: bundle.flow() for name, bundle in models.items()}
        elif said["model_sha256"] != sha256 or said["index"] in warmed:
            found.swaps += said["model_sha256"] != sha256
            sha256 = said["model_sha256"]
            run.swap(sha256, warmed.get(said["index"], 0))
        found.skipped += said["index"] - expected
        expected = said["index"] + 1
        _compare_window(found, run, said, vectors[said["index"]])
    return found


def _compare_window(
    found: Compared, run: _Run, said: dict[str, Any], values: dict[str, float]
) -> None:
    vector = np.array([values[name] for name in run.chain.feature_names], dtype=np.float32)
    times = _ns(said["start"]), _ns(said["end"])
    score = said["score"]
    same = run.push(vector, *times, gap=said["gap"])
    found.windows += 1
    found.bits += (score, said["reason"]) != (same.score, same.reason)
    if not run.alone:
        return
    found.alone += 1
    alone = {
        name: flow.push_vector(vector, *times, gap=said["gap"]).score
        for name, flow in run.alone.items()
    }[said["model_sha256"]]
    if score is None or alone is None:
        found.unscored += (score is None) != (alone is None)
        return
    found.farthest = max(found.farthest, abs(score - alone) / abs(alone))


def _ns(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * _NS)


def anomalies_left(events: Sequence[Heard]) -> Iterator[str]:
    """Yield a sentence for each anomaly of one asset that was not opened and closed in order.

    The last one may still be open.
    """
    told: dict[int, list[tuple[str, str]]] = {}
    for said in sorted((message.said for message in events), key=lambda said: int(said["index"])):
        told.setdefault(said["number"], []).append((said["event"], said["anomaly_id"]))
    for number, story in told.items():
        kinds = [kind for kind, _ in story if kind != "update"]
        allowed = [["open", "close"], *([["open"]] if number == max(told) else [])]
        if kinds not in allowed or len({anomaly_id for _, anomaly_id in story}) != 1:
            yield f"anomaly {number}: {', '.join(kinds)}"
