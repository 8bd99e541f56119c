"""What the bundle makes of a whole recording: the gateway's own code over stored vectors."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.pipeline.budget import BudgetSpec
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from trainer.metrics import (
    DEFAULT_BUFFER,
    CurvePoint,
    Labelled,
    Lead,
    healthy_span_ns,
    is_false,
    volume_under_surface,
)

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
        alarms_in_healthy: that opened in the healthy part; None where there is none.
        alarms_per_healthy_day: likewise; None where the recording states no times, too.
        alarms: all of them.
        lead: how early, where the recording has a healthy part and no labels.
        curve: lead against false alarms under other thresholds, likewise.
        labelled: figures against the labels, where there are any.
    """

    first_alarm: int | None
    alarms_in_healthy: int | None
    alarms_per_healthy_day: float | None
    alarms: tuple[Alarm, ...]
    lead: Lead | None = None
    curve: tuple[CurvePoint, ...] = ()
    labelled: Labelled | None = None


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """The quantized network beside the one in float32, each with its own threshold.

    Attributes:
        quantized_first_alarm: see Verdicts.
        float_first_alarm: likewise.
        flipped_share: share of the scored windows over the threshold of one but not of the other.
        score_difference: root mean square of ln score, quantized minus float.
        vus_pr_difference: VUS-PR of the quantized network less that of the float one; None
            without labels.
    """

    quantized_first_alarm: int | None
    float_first_alarm: int | None
    flipped_share: float
    score_difference: float
    vus_pr_difference: float | None = None


class DropoutPasses(msgspec.Struct, frozen=True, kw_only=True):
    """The network with its dropout in use, as some publish it: for comparison only.

    Attributes:
        passes: of each window.
        rank_correlation: Spearman's, of this score and that of the network that ships, over the
            windows that both scored; None where one of them never varies.
        widening: median of this score / that of the network that ships.
        verdicts: alarms by this score and a threshold of its own, chosen by the same rule; the
            shipped network's are ``verdicts["network"]`` of the evaluation.
        ships: never: no runtime draws random numbers.
    """

    passes: int
    rank_correlation: float | None
    widening: float
    verdicts: Verdicts
    ships: Literal[False] = False


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the report shows.

    Attributes:
        windows: in the recording.
        scored: of them.
        not_scored: number of windows for each reason.
        healthy: the windows taken as healthy, None where none are.
        verdicts: by detector: ``all`` (what the gateway says), ``network`` and ``level`` alone,
            and the plain baselines.
        parity: quantized against float, None where only one of them is at hand.
        labelled_rows: how many windows are labelled as anomalies, None without labels.
        buffer: tolerance of VUS in windows.
        budget: what false alarms are to be expected, None where nothing tells.
        dropout: the network with dropout in use, None where nobody asked for it.
        confirmed_left_out: windows of the healthy part that are of faults which people confirmed,
            and so no part of it; None where nobody was asked.
    """

    windows: int
    scored: int
    not_scored: dict[str, int]
    healthy: tuple[int, int] | None
    verdicts: dict[str, Verdicts]
    parity: Parity | None
    labelled_rows: int | None = None
    buffer: int = DEFAULT_BUFFER
    budget: BudgetSpec | None = None
    dropout: DropoutPasses | None = None
    confirmed_left_out: int | None = None


def count_reasons(results: Sequence[WindowResult]) -> dict[str, int]:
    """Count the windows that were not scored, by reason."""
    return dict(Counter(r.reason for r in results if r.reason is not None))


def run(spec: FlowSpec, model: AnyModel, series: Series) -> list[WindowResult]:
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


def alarms_of(results: Sequence[WindowResult]) -> tuple[Alarm, ...]:
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
    return tuple(alarms)


def judge(
    results: Sequence[WindowResult],
    series: Series,
    healthy: tuple[int, int],
    confirmed: NDArray[np.bool_] | None = None,
) -> Verdicts:
    """Count the alarms of ``results`` against the healthy part, see ``verdicts``."""
    return verdicts(alarms_of(results), series, healthy, confirmed)


def verdicts(
    alarms: Sequence[Alarm],
    series: Series,
    healthy: tuple[int, int] | None,
    confirmed: NDArray[np.bool_] | None = None,
) -> Verdicts:
    """Count ``alarms`` against the healthy part, those of ``confirmed`` faults aside."""
    last = 0 if healthy is None else healthy[1]
    late = [max(a.opened, last) for a in alarms if a.closed is None or a.closed > last]
    late = [window for window in late if window < len(series.vectors)]  # nothing may come after
    inside = span_ns = None
    if healthy is not None:
        inside = sum(is_false(a.opened, a.closed, healthy, confirmed) for a in alarms)
        span_ns = healthy_span_ns(series.start_ns, series.end_ns, healthy, confirmed)
    return Verdicts(
        first_alarm=min(late, default=None),
        alarms_in_healthy=inside,
        alarms_per_healthy_day=inside * _NS_PER_DAY / span_ns
        if inside is not None and span_ns
        else None,
        alarms=tuple(alarms),
    )


def compare(
    quantized: Sequence[WindowResult],
    in_float: Sequence[WindowResult],
    series: Series,
    healthy: tuple[int, int] | None,
    labels: NDArray[np.bool_] | None = None,
    buffer: int = DEFAULT_BUFFER,
) -> Parity:
    """Hold the results of the quantized network against those of the float one."""
    ratio = _ratios(quantized), _ratios(in_float)
    scored = np.isfinite(ratio[0]) & np.isfinite(ratio[1])
    flipped = (ratio[0] > 1.0) != (ratio[1] > 1.0)
    logs = [np.log(np.maximum(r[scored], 1e-12)) for r in ratio]
    first = [verdicts(alarms_of(r), series, healthy).first_alarm for r in (quantized, in_float)]
    vus = None
    if labels is not None:
        shipped, reference = (volume_under_surface(labels, r, buffer).pr for r in ratio)
        vus = shipped - reference
    return Parity(
        quantized_first_alarm=first[0],
        float_first_alarm=first[1],
        flipped_share=float(flipped[scored].mean()) if scored.any() else 0.0,
        score_difference=float(np.sqrt(np.mean((logs[0] - logs[1]) ** 2))) if scored.any() else 0.0,
        vus_pr_difference=vus,
    )


def _ratios(results: Sequence[WindowResult]) -> NDArray[np.float64]:
    return np.array([np.nan if r.score is None else r.score / r.threshold for r in results])
