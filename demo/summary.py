"""What it came to."""

from collections import Counter
from dataclasses import dataclass

from demo.journal import Journal, Placed
from demo.times import duration, span
from edge_agent.daemon.messages import Score


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the events amount to.

    Attributes:
        false: alarms that opened before the damage began; empty where nobody knows when it did.
        found: the first alarm that opened from then on.
    """

    false: tuple[Placed, ...]
    found: Placed | None


def outcome(journal: Journal) -> Outcome:
    """Judge the events that were received."""
    onset = journal.story.onset or journal.story.first
    opened = [placed for placed in journal.events if placed.event.event == "open"]
    false = tuple(placed for placed in opened if placed.window < onset)
    found = next((placed for placed in opened if placed.window >= onset), None)
    return Outcome(false, found)


def summary(journal: Journal) -> list[tuple[str, str]]:
    """Return what there is to say, each with a name."""
    result, story = outcome(journal), journal.story
    rows = [("windows", _windows(journal))]
    if story.onset is not None:
        healthy = span(story.onset - story.first, story.period_s)
        rows.append(("healthy", f"{len(result.false) or 'no'} false alarms in {healthy}"))
    rows.append(("alarm", _alarm(journal, result.found)))
    # Not from the events: they are sent when an anomaly has become half as bad again.
    worst = max((_ratio(score) for score in journal.scores.values() if score.anomaly), default=None)
    if worst is not None:
        rows.append(("severity", f"{worst:.1f} times the threshold at its worst"))
    rows.append(("speed", _speed(journal)))
    return rows


def _ratio(score: Score) -> float:
    """Return score / threshold of the detector that is further over its own."""
    network = 0.0 if score.score is None else score.score / score.threshold
    if score.level_score is None or not score.level_threshold:
        return network
    return max(network, score.level_score / score.level_threshold)


def _windows(journal: Journal) -> str:
    scores = journal.scores.values()
    unscored = Counter(score.reason for score in scores if score.score is None)
    scored = len(scores) - unscored.total()
    reasons = ", ".join(f"{count} {reason}" for reason, count in unscored.items())
    lost = journal.story.windows - len(scores)
    return (
        f"{len(scores)} received of {journal.story.windows}, {scored} scored"
        + (f", not scored: {reasons}" if reasons else "")
        + (f"; {lost} never came" if lost else "")
    )


def _alarm(journal: Journal, found: Placed | None) -> str:
    story = journal.story
    if found is None:
        return "none was received" + ("" if story.onset is None else " after the damage began")
    by = f"opened by the {found.event.detector}"
    lead = f"{span(story.end - found.window, story.period_s)} before the end"
    if story.onset is None:
        return f"{by} in window {found.window}, {lead}"
    return f"{by} {span(found.window - story.onset, story.period_s)} after the onset, {lead}"


def _speed(journal: Journal) -> str:
    if journal.latencies_s:
        ranked = sorted(journal.latencies_s)
        median, most = ranked[len(ranked) // 2], ranked[(len(ranked) - 1) * 99 // 100]
        return (
            f"last sample due -> score received: half within {1e3 * median:.0f} ms,"
            f" 99 % within {1e3 * most:.0f} ms"
        )
    took_s = max((journal.ended_ns - journal.began_ns) / 1e9, 1e-3)
    return f"{len(journal.scores)} windows in {duration(took_s)}, the start of the agent included"
