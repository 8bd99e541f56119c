"""What the bundle makes of a whole recording: the gateway's own code over stored vectors."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec

_NS_PER_DAY = 86_400 * 10**9


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One anomaly from its opening to its closing; ``closed`` is None where it never closed."""

    opened: int
    closed: int | None
    detector: str
    severity: float
    features: tuple[tuple[str, float], ...]


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms of one detector, or of all, over a recording.

    Attributes:
        first_alarm: window in which the first alarm after the healthy part opened, or was open.
        alarms_in_healthy: that opened in the healthy part.
        alarms_per_healthy_day: None where the recording states no times.
        alarms: all of them.
    """

    first_alarm: int | None
    alarms_in_healthy: int
    alarms_per_healthy_day: float | None
    alarms: tuple[Alarm, ...]


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """The quantized network beside the one in float32, each with its own threshold.

    Attributes:
        quantized_first_alarm: see Verdicts.
        float_first_alarm: likewise.
        flipped_share: share of the scored windows over the threshold of one but not of the other.
        score_difference: root mean square of ln score, quantized minus float.
    """

    quantized_first_alarm: int | None
    float_first_alarm: int | None
    flipped_share: float
    score_difference: float


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the report shows.

    Attributes:
        windows: in the recording.
        scored: of them.
        not_scored: number of windows for each reason.
        healthy: the windows taken as healthy.
        verdicts: by detector: ``all`` (what the gateway says), ``network`` and ``level`` alone,
            and the plain baselines.
        parity: quantized against float.
    """

    windows: int
    scored: int
    not_scored: dict[str, int]
    healthy: tuple[int, int]
    verdicts: dict[str, Verdicts]
    parity: Parity


def count_reasons(results: Sequence[WindowResult]) -> dict[str, int]:
    """Count the windows that were not scored, by reason."""
    return dict(Counter(r.reason for r in results if r.reason is not None))


def run(spec: FlowSpec, model: Model, series: Series) -> list[WindowResult]:
    """Return the results of a fresh flow over the whole series."""
    flow = Flow(spec, model)
    return [
        flow.push_vector(vector, int(start), int(end), gap=bool(gap))
        for vector, start, end, gap in zip(
            series.vectors, series.start_ns, series.end_ns, series.gap, strict=True
        )
    ]


def network_only(spec: FlowSpec) -> FlowSpec:
    """Return the flow without its level detector."""
    return msgspec.structs.replace(spec, level=None)


def level_only(spec: FlowSpec) -> FlowSpec:
    """Return the flow with a network that never alarms."""
    silent = msgspec.structs.replace(spec.threshold, value=float(np.finfo(np.float64).max))
    return msgspec.structs.replace(spec, threshold=silent)


def judge(results: Sequence[WindowResult], series: Series, healthy: tuple[int, int]) -> Verdicts:
    """Collect the alarms of ``results``."""
    alarms: list[Alarm] = []
    for result in results:
        event = result.event
        if event is None:
            continue
        alarm = Alarm(
            opened=event.opened_index,
            closed=event.index if event.kind == "close" else None,
            detector=event.detector,
            severity=event.severity,
            features=event.features if event.kind == "open" else alarms[-1].features,
        )
        alarms[len(alarms) if event.kind == "open" else -1 :] = [alarm]
    return verdicts(alarms, series, healthy)


def verdicts(alarms: Sequence[Alarm], series: Series, healthy: tuple[int, int]) -> Verdicts:
    """Count ``alarms`` against the healthy part."""
    first, last = healthy
    inside = sum(first <= a.opened < last for a in alarms)
    span_ns = int(series.end_ns[last - 1] - series.start_ns[first])
    late = [max(a.opened, last) for a in alarms if a.closed is None or a.closed > last]
    return Verdicts(
        first_alarm=min(late, default=None),
        alarms_in_healthy=inside,
        alarms_per_healthy_day=inside * _NS_PER_DAY / span_ns if span_ns > 0 else None,
        alarms=tuple(alarms),
    )


def compare(
    quantized: Sequence[WindowResult],
    in_float: Sequence[WindowResult],
    series: Series,
    healthy: tuple[int, int],
) -> Parity:
    """Hold the results of the quantized network against those of the float one."""
    ratio = _ratios(quantized), _ratios(in_float)
    scored = np.isfinite(ratio[0]) & np.isfinite(ratio[1])
    flipped = (ratio[0] > 1.0) != (ratio[1] > 1.0)
    logs = [np.log(np.maximum(r[scored], 1e-12)) for r in ratio]
    return Parity(
        quantized_first_alarm=judge(quantized, series, healthy).first_alarm,
        float_first_alarm=judge(in_float, series, healthy).first_alarm,
        flipped_share=float(flipped[scored].mean()) if scored.any() else 0.0,
        score_difference=float(np.sqrt(np.mean((logs[0] - logs[1]) ** 2))) if scored.any() else 0.0,
    )


def _ratios(results: Sequence[WindowResult]) -> NDArray[np.float64]:
    return np.array([np.nan if r.score is None else r.score / r.threshold for r in results])
