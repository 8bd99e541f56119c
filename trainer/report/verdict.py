"""The first lines of the page: what was found, in words, whoever it pleases."""

from dataclasses import dataclass

from edge_agent.calibration.rate import budget_text
from trainer.evaluate import Verdicts
from trainer.metrics import Lead
from trainer.report.findings import Findings
from trainer.report.moments import moment
from trainer.report.names import FAMILIES, PARTS, TRAINER_ONLY, title_of

SAME_VUS_PR = 0.005  # a difference below is noise; as allowed between quantized and float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands first.

    Attributes:
        headline: yes, no, in part, or nothing to be said.
        sentences: on what grounds, what to ship, what false alarms to expect.
    """

    headline: str
    sentences: tuple[str, ...]


def verdict(findings: Findings) -> Verdict:
    """Say whether the network beats the plain methods here, and what should ship."""
    budget = findings.spec.budget
    expected = () if budget is None else (f"False alarms per asset: {budget_text(budget)}.",)
    if _nothing_known(findings):
        text = (
            "Neither a healthy part nor labels are known of this recording, so whether the alarms"
            " below are right cannot be told, nor whether a plain method would do as well."
        )
        return Verdict("No judgement: nothing is known of this recording.", (text, *expected))
    told = [*_grounds(findings), *_ship(findings), *_cautions(findings), *expected]
    return Verdict(_headline(findings), tuple(told))


def beats(one: Verdicts, other: Verdicts) -> bool:
    """Whether ``one`` is the better detector here.

    Against labels by VUS-PR. Without, a lead that counts beats one that does not, however long:
    an early alarm is no merit of a detector that alarms without a reason. Among equals the earlier
    first alarm wins, where it does not cost more alarms in the healthy part.
    """
    if one.labelled is not None and other.labelled is not None:
        return one.labelled.vus_pr > other.labelled.vus_pr + SAME_VUS_PR
    if one.lead is not None and other.lead is not None and one.lead.counts != other.lead.counts:
        return one.lead.counts
    quiet = (one.alarms_in_healthy or 0) <= (other.alarms_in_healthy or 0)
    return quiet and _before(one, other)


def choice(findings: Findings) -> str | None:
    """Return which detector is the best here: this bundle unless a plain method beats it.

    None where no detector of a bundle raised an alarm that counts.
    """
    found = findings.evaluation.verdicts
    best = "all"
    for name, verdicts in found.items():
        if name not in (*PARTS, *TRAINER_ONLY) and beats(verdicts, found[best]):
            best = name
    if found[best].labelled is None and found[best].first_alarm is None:
        return None
    return best


def _nothing_known(findings: Findings) -> bool:
    return findings.evaluation.healthy is None and findings.truth.labels is None


def _headline(findings: Findings) -> str:
    found = findings.evaluation.verdicts
    own = found[findings.subject]
    who = "the network" if findings.has_network else _plain(findings)
    rivals = _rivals(findings)
    if not rivals:
        return f"No comparison: no plain method could be fitted to hold {who} against."
    if own.labelled is None and all(v.first_alarm is None for v in (own, *rivals.values())):
        named = _all_of(list(rivals))
        return f"Nothing tells the detectors apart here: neither {who} nor {named} alarms."
    won = [family for family, rival in rivals.items() if beats(own, rival)]
    lost = [f"{f}{_why(own, rival)}" for f, rival in rivals.items() if f not in won]
    if not lost:
        return f"Yes: on this recording {who} beats {_all_of(won)}."
    if not won:
        return f"No: on this recording {who} does not beat {_all_of(lost)}."
    return f"In part: on this recording {who} beats {_all_of(won)}, but not {_all_of(lost)}."


def _plain(findings: Findings) -> str:
    return f"this bundle ({title_of(findings.manifest.training.recipe)}, without a network)"


def _why(own: Verdicts, rival: Verdicts) -> str:
    """Say in brackets why the network is not ahead; labels speak in figures of their own."""
    if own.labelled is not None:
        return ""
    if own.first_alarm == rival.first_alarm:
        return " (silent too)" if own.first_alarm is None else " (as early)"
    if beats(rival, own):
        return " (earlier)" if _before(rival, own) else " (later, but its lead counts)"
    return " (no choice between alarms in the healthy part and a late one)"


def _rivals(findings: Findings) -> dict[str, Verdicts]:
    """Return the best of each family of plain methods; one is no rival of itself."""
    rivals = {}
    for family, members in FAMILIES.items():
        there = [findings.evaluation.verdicts.get(name) for name in members]
        known = [v for v in there if v is not None]
        if known and findings.manifest.training.recipe not in members:
            best = known[0]
            for one in known[1:]:
                best = one if beats(one, best) else best
            rivals[family] = best
    return rivals


def _grounds(findings: Findings) -> list[str]:
    found, rivals = findings.evaluation.verdicts, _rivals(findings)
    own = "the network alone" if findings.has_network else "this bundle"
    listed = {own: found[findings.subject], **rivals}
    said = "; ".join(f"{name} {_figures(findings, v)}" for name, v in listed.items())
    told = [_sentence(f"{_measure(findings)}: {said}.")]
    level = found.get("level")
    if level is not None and findings.has_network and not beats(found["network"], level):
        alone = _figures(findings, level)
        told.append(f"The level detector alone does as well or better: {alone}.")
    missing = [f for f, members in FAMILIES.items() if not any(m in found for m in members)]
    if missing and findings.evaluation.healthy is not None:
        there = "could not be fitted to the healthy part, so nothing is said of"
        told.append(_sentence(f"{_all_of(missing)} {there} it."))
    others = [
        findings.names[name]
        for name in findings.names
        if name not in (*PARTS, *(m for members in FAMILIES.values() for m in members))
        and beats(found[name], found[findings.subject])
    ]
    if others:
        told.append(f"Ahead of it here too: {_all_of(others)}.")
    return told


def _measure(findings: Findings) -> str:
    if findings.truth.labels is not None:
        return "Agreement with the labels (VUS-PR, 1 is perfect)"
    return "First alarm after the healthy part (and alarms within it)"


def _figures(findings: Findings, found: Verdicts) -> str:
    if found.labelled is not None:
        return f"{found.labelled.vus_pr:.3f}"
    first, inside = found.first_alarm, found.alarms_in_healthy
    if first is None:
        text = "never"
    else:
        text = ", ".join(filter(None, (f"at window {first}", moment(findings.series, first))))
    return text if inside is None else f"{text} ({inside})"


def _ship(findings: Findings) -> list[str]:
    """Say what to ship: by the rule that ``--detector baseline`` follows, and with hindsight."""
    seen_later = choice(findings)
    if not findings.standings:
        return [_with_hindsight(findings, seen_later)]
    name = _by_healthy_windows(findings)
    if name == "all":
        told = (
            f"To be shipped: this bundle, {findings.standings['all']}; no plain method that a"
            " gateway can run stands better."
        )
    else:
        told = (
            f"To be shipped: {findings.names[name]}, {findings.standings[name]};"
            f" this bundle: {_own_standing(findings)}. {_command(name)}"
        )
    told += " That is told by healthy windows alone, as `--detector baseline` chooses."
    if seen_later in (None, name):
        return [told]
    found = findings.evaluation.verdicts
    other = "this bundle" if seen_later == "all" else findings.names[seen_later]
    return [
        told,
        (
            f"With hindsight it would be {other}, {_figures(findings, found[seen_later])};"
            f" the one to be shipped: {_figures(findings, found[name])}."
        ),
    ]


def _by_healthy_windows(findings: Findings) -> str:
    """Return the name of the best standing; this bundle where none is better."""
    found = findings.standings
    return min(found, key=lambda name: (found[name].rank, name != "all"))


def _own_standing(findings: Findings) -> str:
    own = findings.standings.get("all")
    if own is not None:
        return str(own)
    return f"{findings.evaluation.verdicts['all'].alarms_in_healthy} alarms in the same"


def _command(name: str) -> str:
    return f"`edge-trainer train --detector {name}` makes a bundle of it in the same format."


def _with_hindsight(findings: Findings, name: str | None) -> str:
    if name is None:
        return (
            "Nothing here says which detector to ship: no plain method that a gateway can run is"
            " better than this bundle, which raised no alarm."
        )
    found = findings.evaluation.verdicts
    if name == "all":
        return (
            f"To be shipped: this bundle, {_figures(findings, found['all'])}; no plain method that"
            " a gateway can run is better."
        )
    return (
        f"To be shipped: {findings.names[name]}, {_figures(findings, found[name])}; this bundle:"
        f" {_figures(findings, found['all'])}. {_command(name)} That is chosen with hindsight;"
        " `--detector baseline` chooses by healthy windows alone."
    )


def _cautions(findings: Findings) -> list[str]:
    found = findings.evaluation.verdicts
    whole = found["all"]
    told = []
    if findings.spec.threshold.method == "best_f1":
        told.append(
            "The threshold of this bundle has seen labels: it is the one of the best F1"
            f" ({findings.spec.threshold.parameter:.3f}) for them, for reproduction only."
        )
    if whole.lead is not None and not whole.lead.counts:
        told.append(f"The lead of this bundle does not count: {whole.lead.problem}.")
    if whole.lead is not None and whole.first_alarm is not None:
        told.append(_truth_of(findings, whole.lead))
    chance = found.get("random")
    if chance is not None and chance.labelled is not None:
        told.append(f"A random score gets {chance.labelled.vus_pr:.3f}.")
    return told


def _truth_of(findings: Findings, lead: Lead) -> str:
    """Say what an early alarm is worth where nobody labelled the damage."""
    if findings.truth.fpt is None or lead.delay_to_fpt is None:
        return (
            "When the damage began is not known here: the earlier alarm is the better one only if"
            " it is a true one."
        )
    side = "before" if lead.delay_to_fpt < 0 else "after"
    return (
        f"This bundle alarms {abs(lead.delay_to_fpt)} windows {side} the first prediction time"
        " that was given; an alarm long before it is no proof of foresight."
    )


def _before(one: Verdicts, other: Verdicts) -> bool:
    if one.first_alarm is None:
        return False
    return other.first_alarm is None or one.first_alarm < other.first_alarm


def _all_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
