"""Figures the manifest states about the shipped network: washout and golden history."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import Golden, make_golden
from edge_agent.pipeline.features import window_extractor
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.window import Window

_CUTS = 5  # restarts tried for the washout tolerance
_AFTER = 10  # windows compared after each
_QUIET = 24  # scored golden windows before the machine gets worse
_WORSE = 40  # golden windows in which it is worse, enough for any alarm rule here,
_SPANS = 0.5  # and so many spans of the smoothing more
_LEAST_SCORE = 1e-6  # a perfect forecast scores 0, to which nothing is relative
_RAW_BYTES = 1 << 20  # raw windows make golden vectors large


class GoldenHistoryError(RuntimeError):
    """No alarm could be provoked: the detector that was made is deaf."""


def washout_tolerance(
    spec: FlowSpec, model: AnyModel, healthy: NDArray[np.float32], start_ns: NDArray[np.int64]
) -> float:
    """Measure how far scores after a warm-up are from those of an undisturbed run.

    Args:
        spec: the flow.
        model: its network, or what stands in for it.
        healthy: vectors, float32 (n, F), all finite.
        start_ns: when their windows began, int64 (n,).

    Returns:
        The largest relative difference over several restarts; a healthy part that is too short
        for them is gone through again.
    """
    vectors = max(spec.model.washout_vectors, spec.model.washout + 1)
    times = -(-(vectors + _CUTS * _AFTER) // len(healthy))
    past = list(zip(start_ns.tolist(), healthy, strict=True)) * times
    undisturbed = _scores(Flow(spec, model), past)
    worst = 0.0
    for cut in np.linspace(vectors, len(past) - _AFTER, _CUTS).astype(int):
        flow = Flow(spec, model)
        flow.warm_up(past[cut - vectors : cut])
        pairs = zip(_scores(flow, past[cut : cut + _AFTER]), undisturbed[cut:], strict=False)
        worst = max([worst, *(_apart(a, b) for a, b in pairs if a is not None and b is not None)])
    return worst


def golden_history(
    spec: FlowSpec,
    model: AnyModel,
    healthy: tuple[NDArray[np.float32], NDArray[np.int64]],
    raw: list[Window],
) -> Golden:
    """Return golden vectors that lead from washout over quiet windows into an alarm.

    Args:
        spec: the flow.
        model: its network, or what stands in for it.
        healthy: vectors of the healthy windows, float32 (n, F), all finite, and when these began,
            int64 (n,).
        raw: the windows that the last of them were computed from; empty for feature input.

    Raises:
        GoldenHistoryError: even a hundredfold amplitude raises no alarm.
    """
    count = spec.model.washout + spec.model.window_length + _QUIET
    quiet, start_ns = healthy[0][-count:], healthy[1][-count:]
    step_ns = int(np.median(np.diff(healthy[1])))
    worse_count = _WORSE + round(_SPANS * spec.smoothing.span)
    start_ns = np.append(start_ns, start_ns[-1] + step_ns * np.arange(1, worse_count + 1))
    for factor in (4.0, 10.0, 100.0):
        windows = [(len(quiet) - len(raw) + i, w) for i, w in enumerate(raw)]
        worse = np.repeat(_worse_vector(spec, quiet, raw, factor)[None], worse_count, axis=0)
        if raw:
            windows.append((len(quiet), _louder(spec, raw[-1], factor)))
        golden = make_golden(Flow(spec, model), np.concatenate((quiet, worse)), start_ns, windows)
        if golden.anomaly.any() and not golden.anomaly.all():
            return golden
    raise GoldenHistoryError("no alarm at a hundred times the healthy amplitude: the alarm is deaf")


def quiet_windows(golden: Golden) -> list[Window]:
    """Return the raw windows of a ``golden_history`` but the last, which was made louder."""
    order = golden.at.argsort()
    quiet = order[:-1] if len(order) > 1 else order
    starts = golden.start_ns[golden.at].tolist()
    return [
        Window(golden.samples[i], starts[i], starts[i] + 1, gap=False, clipped=False)
        for i in quiet.tolist()
    ]


def golden_raw_count(length: int, channels: int) -> int:
    """Return how many raw windows of that size golden vectors should hold."""
    return int(np.clip(_RAW_BYTES // (4 * length * channels), 1, 4))


def _apart(score: float, expected: float) -> float:
    return abs(score - expected) / max(expected, _LEAST_SCORE)


def _scores(flow: Flow, past: list[tuple[int, NDArray[np.float32]]]) -> list[float | None]:
    return [flow.push_vector(vector, start, start + 1).score for start, vector in past]


def _worse_vector(
    spec: FlowSpec, quiet: NDArray[np.float32], raw: list[Window], factor: float
) -> NDArray[np.float32]:
    if raw:
        extractor = window_extractor(spec.features, spec.input)
        return extractor.compute(_louder(spec, raw[-1], factor).samples)[0]
    spread = np.maximum(quiet.std(axis=0), 1e-3 * np.abs(quiet).mean(axis=0) + 1e-9)
    worse: NDArray[np.float32] = (factor * (np.abs(quiet[-1]) + spread)).astype(np.float32)
    context = [spec.feature_names.index(name) for name in spec.input.context]
    worse[context] = quiet[-1, context]  # it gets worse as it runs, at the same speed
    return worse


def _louder(spec: FlowSpec, window: Window, factor: float) -> Window:
    # an alternating sign changes the spectrum as well as the level
    signs = np.where(np.arange(len(window.samples)) % 2 == 0, 1.0, 1.0 - 1.0 / factor)
    samples = (window.samples * factor * signs[:, None]).astype(np.float32)
    context = [spec.input.channels.index(name) for name in spec.input.context]
    samples[:, context] = window.samples[:, context]
    return Window(samples, window.start_ns, window.end_ns, gap=False, clipped=False)
