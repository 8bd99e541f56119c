"""What a detector made of a recording, and the judgement of it, wherever it comes from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.pipeline.alarm import AlarmRule, AlarmSpec
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from trainer.evaluate import (
    Alarm,
    Verdicts,
    alarms_of,
    level_only,
    network_only,
    run,
    verdicts,
)
from trainer.metrics import (
    DEFAULT_BUFFER,
    Course,
    Ratios,
    against_labels,
    largest,
    lead,
    lead_curve,
    runs,
)

_RANDOM_THRESHOLD = 0.99  # of a score that is uniform from 0 to 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """Scores and alarms of one detector over a recording.

    Attributes:
        detectors: score / threshold of each of its parts, and the rule that opens its alarm; an
            alarm is open while that of any part is.
        alarms: that came of it.
    """

    detectors: tuple[Ratios, ...]
    alarms: tuple[Alarm, ...]

    @property
    def ratios(self) -> NDArray[np.float64]:
        """Largest score / threshold of any part, float64 (n,), NaN where none scored."""
        return largest(self.detectors)

    def alarmed(self) -> NDArray[np.bool_]:
        """Whether an alarm was open, bool (n,)."""
        flags = np.zeros(len(self.detectors[0].values), dtype=np.bool_)
        for alarm in self.alarms:
            flags[alarm.opened : alarm.closed] = True
        return flags


Watch = Callable[[Series], Outcome]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of the recording that detectors are judged on.

    Attributes:
        series: its windows.
        healthy: the windows [first, last) of it that are known to be healthy; None where the
            healthy part is another recording's, or there is none.
        labels: which windows are anomalous, bool (n,); None where nobody labelled them.
        fpt: window of the first prediction time.
        buffer: tolerance of VUS in windows.
        confirmed: which windows are of faults that people confirmed, and no part of the healthy
            ones, bool (n,); None where nobody was asked.
    """

    series: Series
    healthy: tuple[int, int] | None = None
    labels: NDArray[np.bool_] | None = None
    fpt: int | None = None
    buffer: int = DEFAULT_BUFFER
    confirmed: NDArray[np.bool_] | None = None

    @property
    def in_health(self) -> NDArray[np.bool_]:
        """Which windows are known to be healthy, bool (n,)."""
        flags = np.zeros(len(self.series.vectors), dtype=np.bool_)
        if self.healthy is not None:
            flags[slice(*self.healthy)] = True
        return flags if self.confirmed is None else flags & ~self.confirmed

    @property
    def left_out(self) -> int | None:
        """How many windows of confirmed faults were said to be healthy."""
        if self.confirmed is None or self.healthy is None:
            return None
        return int(self.confirmed[slice(*self.healthy)].sum())

    @property
    def learnable(self) -> Series:
        """The windows to learn from: ``left_out`` ones are as if they could not be computed."""
        if not self.left_out or self.healthy is None or self.confirmed is None:
            return self.series
        first, last = self.healthy
        inside = np.zeros_like(self.confirmed)
        inside[first:last] = self.confirmed[first:last]
        return self.series.without(inside)


def outcome_of(results: Sequence[WindowResult], spec: FlowSpec) -> Outcome:
    """Take scores and alarms from the results of a flow."""
    network = [np.nan if r.score is None else r.score / r.threshold for r in results]
    parts = [Ratios(np.array(network, dtype=np.float64), spec.alarm)]
    if spec.level is not None:
        level = [
            np.nan if r.level_score is None or r.reason == "washout" else r.level_score
            for r in results
        ]
        parts.append(Ratios(np.array(level) / spec.level.threshold, spec.level.alarm))
    return Outcome(tuple(parts), alarms_of(results))


def flow_watch(spec: FlowSpec, model: AnyModel) -> Watch:
    """Return what runs a fresh flow over a series."""
    return lambda series: outcome_of(run(spec, model, series), spec)


def known_watch(
    spec: FlowSpec, model: AnyModel, series: Series, results: Sequence[WindowResult]
) -> Watch:
    """Do what ``flow_watch`` does where ``results`` are known to be those of ``series``."""
    outcome = outcome_of(results, spec)
    return lambda given: outcome if given is series else flow_watch(spec, model)(given)


def part_watches(spec: FlowSpec, model: AnyModel) -> dict[str, Watch]:
    """Return the parts of a flow, each alone: ``network``, and ``level`` where it has one."""
    if spec.level is None:
        return {"network": flow_watch(spec, model)}
    return {
        "network": flow_watch(network_only(spec), model),
        "level": flow_watch(level_only(spec), model),
    }


def outcome_of_ratios(
    ratios: NDArray[np.float64], rule: AlarmSpec, detector: str = "network"
) -> Outcome:
    """Make alarms of bare scores.

    Args:
        ratios: score / threshold, (n,); NaN where a window was not scored.
        rule: when an alarm opens and closes.
        detector: that the alarms name.
    """
    state = AlarmRule(rule)
    flags = np.array(
        [state.is_open if np.isnan(r) else state.push(float(r)) for r in ratios], dtype=np.bool_
    )
    alarms = tuple(
        Alarm(
            opened=int(first),
            closed=int(stop) if stop < len(ratios) else None,
            detector=detector,
            severity=float(np.nanmax(ratios[first:stop])),
            features=(),
        )
        for first, stop in runs(flags)
    )
    return Outcome((Ratios(ratios, rule),), alarms)


def random_watch(seed: int = 0) -> Watch:
    """Return a detector that draws lots: what a metric gives to it, it gives for nothing."""

    def watch(series: Series) -> Outcome:
        draws = np.random.default_rng(seed).random(len(series.vectors))
        return outcome_of_ratios(draws / _RANDOM_THRESHOLD, AlarmSpec())

    return watch


def measure(outcome: Outcome, truth: Truth) -> Verdicts:
    """Return every figure that ``truth`` allows.

    Raises:
        MetricError: the labels are all alike, or not one for each window.
    """
    found = verdicts(outcome.alarms, truth.series, truth.healthy, truth.confirmed)
    if truth.labels is not None:
        labelled = against_labels(truth.labels, outcome.detectors, outcome.alarmed(), truth.buffer)
        found = replace(found, labelled=labelled)
    if truth.healthy is not None and (truth.labels is None or truth.fpt is not None):
        course = _course(outcome, truth, truth.healthy)
        seen = lead([(a.opened, a.closed) for a in outcome.alarms], course)
        found = replace(found, lead=seen, curve=lead_curve(outcome.detectors, course))
    return found


def measure_all(
    watches: Mapping[str, Watch],
    truth: Truth,
    reference: Truth | None = None,
) -> dict[str, Verdicts]:
    """Judge each detector alike.

    Args:
        watches: by name.
        truth: of the recording that they are judged on.
        reference: of another recording, in whose healthy windows false alarms are counted where
            ``truth`` names none.
    """
    found = {}
    for name, watch in watches.items():
        found[name] = measure(watch(truth.series), truth)
        if reference is not None:
            alarms = watch(reference.series).alarms
            quiet = verdicts(alarms, reference.series, reference.healthy, reference.confirmed)
            found[name] = replace(
                found[name],
                alarms_in_healthy=quiet.alarms_in_healthy,
                alarms_per_healthy_day=quiet.alarms_per_healthy_day,
            )
    return found


def _course(outcome: Outcome, truth: Truth, healthy: tuple[int, int]) -> Course:
    scored = np.flatnonzero(~np.isnan(outcome.ratios))
    return Course(
        start_ns=truth.series.start_ns,
        end_ns=truth.series.end_ns,
        healthy=healthy,
        scored_from=int(scored[0]) if len(scored) else 0,
        fpt=truth.fpt,
        confirmed=truth.confirmed,
    )
