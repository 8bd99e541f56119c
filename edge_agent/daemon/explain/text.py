"""A snapshot as a short text for the terminal."""

from collections.abc import Iterator

from edge_agent.daemon.explain.findings import (
    advice,
    candidates,
    detector,
    headline,
    healthy,
    rises,
    scores,
    when,
)
from edge_agent.daemon.explain.words import compared, frequency, full_title, number, quantity
from edge_agent.daemon.messages import Snapshot
from edge_agent.pipeline.evidence import FeatureEvidence

_RISES = 3


def explanation(snapshot: Snapshot) -> str:
    """Return what happened, since when, how far from healthy, and what to look at."""
    return "\n".join(_lines(snapshot))


def _lines(snapshot: Snapshot) -> Iterator[str]:
    event = snapshot.event
    anomaly = f"anomaly {event.number} ({event.anomaly_id[:12]})"
    yield f"{event.level.upper()}  {event.asset} on {event.gateway}, {anomaly}"
    yield f"  opened    {when(event.opened)}"
    yield f"  pictured  {when(snapshot.start)}, window {event.index}"
    yield f"  detector  {detector(snapshot)}"
    for score in scores(snapshot):
        yield f"            {score.detector} {number(score.score)}, {score.beside}"
    yield ""
    yield headline(snapshot)
    yield ""
    yield "Most responsible"
    for one in event.features:
        yield from _feature(one, snapshot.rate_hz)
    if snapshot.others:
        yield "Also far from healthy"
        for one in snapshot.others:
            yield from _feature(one, snapshot.rate_hz)
    for channel in snapshot.channels:
        found = rises(channel, snapshot.edges_hz)[:_RISES]
        if found:
            peaks = ", ".join(f"{frequency(r.peak_hz)} (+{r.db:.0f} dB)" for r in found)
            yield f"Spectrum of channel {channel.name} above healthy at {peaks}"
    for channel, fault in candidates(snapshot):
        before = "" if fault.healthy is None else f", {number(fault.healthy)} in health"
        yield (
            f"Candidate: {fault.part} ({fault.name}) on channel {channel.name}: its lines are"
            f" {number(fault.prominence)} times the median{before}"
        )
    yield ""
    yield "What to look at"
    for sentence in advice(snapshot):
        yield f"  - {sentence}"
    yield ""
    yield learned_from(snapshot)


def learned_from(snapshot: Snapshot) -> str:
    """Say what healthy means here."""
    period = snapshot.healthy
    if period is None:
        return "Nothing was learned yet of what is healthy: there is nothing to compare with."
    return (
        f"Healthy: {period.windows} calm windows from {when(period.start)} to {when(period.end)}."
        f" Judged by {snapshot.model}."
    )


def _feature(feature: FeatureEvidence, rate_hz: float | None) -> Iterator[str]:
    share = "      " if feature.share is None else f"{feature.share:4.0%}  "
    yield f"  {share}{full_title(feature, rate_hz)}: {quantity(feature.value, feature.unit)}"
    if feature.healthy_median is not None:
        yield f"        {compared(feature)} ({healthy(feature)})"
