"""The child process that tries a candidate first, see ``edge_agent.rollout.child``.

It opens the bundle, replays its golden vectors, lets both models score what the flight recorder
remembers, and measures what they take. Whatever the candidate does to this process, the agent
scores on. The order comes on standard input, the outcome goes to standard output, both JSON.
"""

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from edge_agent.bundle import Bundle, BundleError, LoadedBundle
from edge_agent.daemon.child import ChildError, outcome_of
from edge_agent.daemon.commissioning.overlays import tried_overlays_in
from edge_agent.daemon.config.settings import Asset, RecorderSettings
from edge_agent.daemon.judged import judge
from edge_agent.daemon.models import Models
from edge_agent.daemon.recorder import Recorder, Rows
from edge_agent.daemon.recorder.memory import past_window
from edge_agent.daemon.trial.tally import Figures, Tally, figures
from edge_agent.daemon.trial.verdict import Cost, Costs
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.succession import computes_alike
from edge_agent.pipeline.window import Window
from edge_agent.rollout.child import do_order

ROWS = 10_000  # the newest that are scored again
_TIMEOUT_S = 900.0
_TIMED = 200  # windows
_MB = 1e6


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to try, and against what.

    Attributes:
        asset: as it is configured: with the incumbent.
        candidate: file of the bundle on trial.
        model_id: of the incumbent that judges now.
        state_dir: the agent's.
        recorder: folder of the flight recorder.
    """

    asset: Asset
    candidate: str
    model_id: str
    state_dir: str
    recorder: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        refused: why the candidate cannot be tried at all.
        past: of the recorded windows; None where there are none of the candidate's features.
        costs: of both; None where they could not be measured.
    """

    refused: str | None = None
    past: Figures | None = None
    costs: Costs | None = None


def backtest(order: Order) -> Outcome:
    """Try the candidate, or say why it cannot be."""
    state_dir = Path(order.state_dir)
    models = Models(state_dir / "verified.json", tried_overlays_in(state_dir))
    before = judge(order.asset, models)
    asset = msgspec.structs.replace(order.asset, bundle=order.candidate)
    after = judge(asset, models)
    if after.bundle is None:
        return Outcome(refused=after.reason)
    if before.bundle is None or before.bundle.model_id != order.model_id:
        return Outcome(refused=f"{order.asset.bundle} is no longer the bundle that judges")
    limits = order.asset.sensor.range_max, order.asset.limit_mm_s
    past = None
    if computes_alike(after.bundle.manifest.flow, before.bundle.manifest.flow):
        recorder = Recorder(Path(order.recorder), RecorderSettings())
        rows = recorder.read(order.asset.name, last=ROWS)
        recorder.close()
        if rows.layout is not None and rows.layout.features == after.bundle.flow().feature_names:
            past = score_again(before.bundle.flow(*limits), after.bundle.flow(*limits), rows)
    try:
        costs = Costs(incumbent=_cost(order.asset.bundle), candidate=_cost(order.candidate))
    except BundleError:  # a general one by itself has no flow to be measured
        costs = None
    return Outcome(past=past, costs=costs)


def score_again(incumbent: Flow, candidate: Flow, rows: Rows) -> Figures:
    """Return what both make of ``rows``."""
    tally, seconds = Tally(), incumbent.spec.input.window_period_s
    for i, index in enumerate(rows.index.tolist()):
        for flow in (incumbent, candidate):
            flow.broken |= index != flow.index
            flow.index = index
        window = past_window(rows, i)
        washing = candidate.scorer.washout_left > 0 or incumbent.scorer.washout_left > 0
        one, other = incumbent.replay(window), candidate.replay(window)
        if one is not None and other is not None:
            lasted_s = seconds or (window.end_ns - window.start_ns) / 1e9
            tally.note(index, lasted_s, said_of(one), said_of(other), washing=washing)
    return figures(tally)


def said_of(result: WindowResult) -> tuple[float | None, bool]:
    """Return score / threshold, as far as float32 tells, and whether an anomaly is open."""
    if result.score is None:
        return None, result.anomaly
    return float(np.float32(result.score) / np.float32(result.threshold)), result.anomaly


def run_child(order: Order) -> Outcome:
    """Have a process of its own do ``order``, and wait for it.

    Raises:
        OSError: no process can be started.
    """
    try:
        return outcome_of(__name__, order, Outcome, _TIMEOUT_S)
    except ChildError as error:
        return Outcome(refused=f"the backtest {error}")


def _cost(path: str) -> Cost:
    """Load a bundle once more, let it work, and see what that takes. Raises BundleError."""
    bundle = Bundle.read(Path(path))
    gc.collect()
    before = _resident_bytes()
    loaded = bundle.load()
    push = _work(bundle, loaded)
    times = []
    for number in range(_TIMED):
        began_s = time.thread_time()
        push(number)
        times.append(1e3 * (time.thread_time() - began_s))
    grown = _resident_bytes() - before
    p50, p99 = np.quantile(times, (0.5, 0.99))
    return Cost(p50_ms=float(p50), p99_ms=float(p99), memory_mb=max(0, grown) / _MB)


def _work(bundle: Bundle, loaded: LoadedBundle) -> Callable[[int], object]:
    """Return what gives the bundle one of its golden windows, by number."""
    flow, shown = loaded.flow(), bundle.golden
    if not len(shown.samples):
        vectors = shown.vectors
        return lambda n: flow.push_vector(vectors[n % len(vectors)], n, n + 1)
    return lambda n: flow.push_window(
        Window(shown.samples[n % len(shown.samples)], n, n + 1, gap=False, clipped=False)
    )


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    do_order(Order, backtest)
