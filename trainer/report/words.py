"""Sentences that go with the figures further down the page."""

import numpy as np

from trainer.evaluate import Verdicts
from trainer.networks import FittedNetwork
from trainer.published import PublishedFaults
from trainer.report.findings import Findings
from trainer.report.moments import at

_FAULTS = {
    "first_row_lost": "the first row of every file was taken for a header",
    "scaler_sees_everything": "the scaler was fitted on the whole recording",
    "unroll_last_step_only": "of each window the network is given the last vector only",
    "threshold_by_labels": "the threshold is the one of the best F1 for the labels",
    "validation_is_test": "the validation loss is that of the part that is judged",
    "threshold_on_test": "the threshold was chosen from the recording that is judged",
}


def kept_epoch(network: FittedNetwork) -> str:
    """Say in one sentence which epoch's weights the network has."""
    history = network.history
    if history.best_epoch < 0:
        return (
            "No epoch forecast better than the slow memory alone, so the recurrent layers add"
            " nothing here: deviations are taken from a running mean."
        )
    return f"The weights are those of epoch {history.best_epoch + 1} of {len(history.loss)}."


def added(findings: Findings) -> str | None:
    """Say what the network adds to the level detector; None where there are not both."""
    found = findings.evaluation.verdicts
    if "level" not in found:
        return None
    network, level, both = found["network"], found["level"], found["all"]
    alone = "The network alone" if findings.has_network else "The score alone"
    if network.labelled is not None and level.labelled is not None and both.labelled is not None:
        of = "VUS-PR (event F1)"
        return (
            f"{of}: {alone.lower()} {_labelled(network)}, the level detector alone"
            f" {_labelled(level)}, both together {_labelled(both)}."
        )
    series = findings.series
    text = (
        f"{alone} first alarms in window {at(series, network.first_alarm)}, the level detector"
        f" alone in window {at(series, level.first_alarm)}, both together in window"
        f" {at(series, both.first_alarm)}. "
    ).replace("in window none", "never")
    return text + _verdict(findings, network, level)


def faults(published: PublishedFaults) -> list[str]:
    """Return the publication's faults that were switched on, which flatter the figures."""
    return [text for name, text in _FAULTS.items() if getattr(published, name)]


def regime_rows(findings: Findings) -> list[tuple[str, int]]:
    """Return the ranges of each regime and the windows it was learned from."""
    regime = findings.spec.regime
    if regime is None:
        return []
    names = [findings.spec.feature_names[i] for i in regime.context]
    rows = []
    for one in regime.regimes:
        ranges = zip(names, one.low, one.high, strict=True)
        rows.append((", ".join(f"{n} {a:.4g} to {b:.4g}" for n, a, b in ranges), one.windows))
    return rows


def not_scored(findings: Findings) -> str:
    """Say how many windows were not scored, and why; empty where all were."""
    why = {
        "washout": "warming up",
        "idle": "the machine at rest",
        "gap": "a gap in the data",
        "invalid": "no valid features",
        "regime": "a speed or load never seen",
    }
    reasons = findings.evaluation.not_scored
    return ", ".join(f"{n} {why.get(reason, reason)}" for reason, n in reasons.items())


def healthy_over(findings: Findings) -> float | None:
    """Return the share of the scored healthy windows above the threshold, None without any."""
    inside = findings.truth.in_health
    part = [r for r, healthy in zip(findings.results, inside, strict=True) if healthy]
    over = [r.score > r.threshold for r in part if r.score is not None]
    return float(np.mean(over)) if over else None


def left_out(findings: Findings) -> str:
    """Say how many windows were kept out of the healthy part; empty where nobody was asked."""
    count = findings.evaluation.confirmed_left_out
    return "" if count is None else f"{count} windows of confirmed faults left out"


def _labelled(found: Verdicts) -> str:
    figures = found.labelled
    return "-" if figures is None else f"{figures.vus_pr:.3f} ({figures.event.f1:.3f})"


def _verdict(findings: Findings, network: Verdicts, level: Verdicts) -> str:
    name = "network" if findings.has_network else "score"
    noisier = (network.alarms_in_healthy or 0) > (level.alarms_in_healthy or 0)
    if network.first_alarm is None:
        return f"The {name} adds no alarm that the level detector does not raise."
    price = (
        f" at the price of {network.alarms_in_healthy} alarms in the healthy part"
        f" against {level.alarms_in_healthy or 0}"
        if noisier
        else ""
    )
    if level.first_alarm is None:
        return f"Without the {name} there would be no alarm{price}."
    ahead = level.first_alarm - network.first_alarm
    if ahead > 0:
        return f"The {name} is {ahead} windows ahead{price}."
    if ahead == 0:
        return f"The {name} is not ahead of it{price}."
    return f"The {name} is {-ahead} windows behind{price}."
