"""The agent beside one machine: commissioned by its first weeks, then watching for the year."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.plant.episodes import Ear, Episode, Loss
from benchmarks.plant.life import HOUR_S, PER_DAY
from benchmarks.plant.machine import RANGE_G, PlantMachine, build
from benchmarks.plant.trouble import of_the_year
from edge_agent.bundle import Bundle, LoadedBundle
from edge_agent.bundle.overlay import apply_overlay, general_part, make_overlay
from edge_agent.calibration.commission import commission
from edge_agent.calibration.series import Series
from edge_agent.pipeline.budget import BudgetPoint
from edge_agent.pipeline.features import FeatureSpec, window_extractor
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.gate import Gate
from edge_agent.pipeline.succession import take_over
from edge_agent.pipeline.window import Window

_NS = 10**9
_YEAR_BEGAN_NS = 1_767_225_600 * _NS  # 2026-01-01
_SETTLING_H = 2 * PER_DAY  # after planned work the machine runs that long before it is learned anew


@dataclass(frozen=True, slots=True)
class Watched:
    """A machine's year as the agent saw it.

    Attributes:
        machine: number.
        episodes: the anomalies that it told of, in order.
        losses: the times without a signal that it told of, in order.
        reasons: how many windows were scored (``scored``) or not, by reason.
        foreseen: alerts a month, as the commissioning foresaw them; None where it could not.
    """

    machine: int
    episodes: tuple[Episode, ...]
    losses: tuple[Loss, ...]
    reasons: dict[str, int]
    foreseen: BudgetPoint | None


def watch_year(content: bytes, number: int, machines: int, hours: int, healthy_h: int) -> Watched:
    """Return the year of machine ``number`` of the plant; ``content`` is the general bundle."""
    machine = build(number, hours, of_the_year(machines, hours // PER_DAY))
    return watch(machine, Bundle.decode(content, "plant"), hours, healthy_h)


def watch(machine: PlantMachine, bundle: Bundle, hours: int, healthy_h: int) -> Watched:
    """Commission ``bundle`` on the machine's first ``healthy_h`` hours, and watch the others.

    After planned work it is commissioned anew, on as many hours; until then the former overlay
    judges.
    """
    loaded = commissioned(machine, bundle, 0, healthy_h)
    budget = loaded.manifest.flow.budget
    flow = _warm(loaded.flow(RANGE_G), machine, healthy_h)
    work = machine.maintenance()
    anew = None if work is None else round(work.day * PER_DAY) + PER_DAY + _SETTLING_H
    ear, reasons = Ear(machine.number), Counter[str]()
    for hour in range(healthy_h, hours):
        if anew is not None and hour == anew + healthy_h:
            former, again = flow, commissioned(machine, bundle, anew, hour)
            flow = _warm(again.flow(RANGE_G), machine, hour)
            take_over(flow, former)
        result = flow.push_window(window_of(machine, hour))
        reasons[result.reason or "scored"] += 1
        ear.hear(hour, result, flow)
    foreseen = None if budget is None else budget.point
    return Watched(
        machine.number,
        tuple(ear.episodes),
        tuple(ear.losses),
        dict(reasons),
        foreseen,
    )


def commissioned(machine: PlantMachine, bundle: Bundle, first: int, last: int) -> LoadedBundle:
    """Return the bundle as the hours [first, last) of the machine make it the machine's own."""
    series = series_of(machine, bundle.manifest.plugins, first, last)
    found = commission(general_part(bundle), series, (0, last - first))
    return apply_overlay(make_overlay(bundle.manifest, found, (first, last)), bundle)


def series_of(
    machine: PlantMachine, plugins: tuple[FeatureSpec, ...], first: int, last: int
) -> Series:
    """Return the vectors of the hours [first, last), by the features of ``plugins``."""
    given = machine.input
    extractor = window_extractor(plugins, given)
    vectors = [extractor.compute(machine.window(hour))[0] for hour in range(first, last)]
    start_ns = _YEAR_BEGAN_NS + np.arange(first, last, dtype=np.int64) * HOUR_S * _NS
    assert given.rate_hz is not None  # noqa: S101 - these are samples
    end_ns = start_ns + round(given.length / given.rate_hz * _NS)
    gap = np.zeros(last - first, dtype=np.bool_)
    return Series(given, plugins, extractor.names, np.array(vectors), start_ns, end_ns, gap)


def window_of(machine: PlantMachine, hour: int) -> Window:
    """Return the window of an hour."""
    samples, given = machine.window(hour), machine.input
    start_ns = _YEAR_BEGAN_NS + hour * HOUR_S * _NS
    assert given.rate_hz is not None  # noqa: S101 - these are samples
    return Window(
        samples,
        start_ns,
        start_ns + round(given.length / given.rate_hz * _NS),
        gap=False,
        clipped=bool((np.abs(samples[:, 0]) >= RANGE_G).any()),
    )


def _warm(flow: Flow, machine: PlantMachine, hour: int) -> Flow:
    """Let ``flow`` see the windows before ``hour``, as from the flight recorder."""
    extractor = window_extractor(flow.spec.features, machine.input)
    wanted = flow.spec.model.washout_vectors
    past: list[tuple[int, NDArray[np.float32]]] = []
    for before in range(hour - 1, -1, -1):
        if len(past) == wanted:
            break
        vector, _ = extractor.compute(machine.window(before))
        if not Gate(flow.spec.gate).is_idle(vector, 0):
            past.append((_YEAR_BEGAN_NS + before * HOUR_S * _NS, vector))
    flow.warm_up(reversed(past))
    return flow
