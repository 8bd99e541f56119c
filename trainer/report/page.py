"""The report: one self-contained page for the engineer who ships the bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from edge_agent.calibration.series import Series
from edge_agent.pipeline.result import WindowResult
from trainer.evaluate import Evaluation, Verdicts
from trainer.networks import FittedNetwork
from trainer.quantize import GateReport
from trainer.recipe import Recipe
from trainer.report import plots


@dataclass(frozen=True, slots=True)
class Findings:
    """What a training run found, for the report; no network and no gate for a plain recipe."""

    title: str
    recipe: Recipe
    series: Series
    results: Sequence[WindowResult]
    evaluation: Evaluation
    network: FittedNetwork | None
    gate: GateReport | None
    washout_tolerance: float


def render(findings: Findings) -> bytes:
    """Return the page as UTF-8."""
    from jinja2 import Environment, StrictUndefined

    source = (files("trainer.report") / "page.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    network = findings.network
    page = environment.from_string(source).render(
        f=findings,
        evaluation=findings.evaluation,
        kept=None if network is None else kept_epoch(network),
        verdict=verdict(findings.evaluation),
        score=plots.score_plot(findings.results, findings.evaluation),
        trends=plots.trend_plot(findings.series, findings.results, findings.evaluation),
        distribution=plots.distribution_plot(findings.results, findings.evaluation),
        training=None
        if network is None
        else plots.training_plot(network.history.loss, network.history.val_loss),
    )
    return page.encode("utf-8")


def verdict(evaluation: Evaluation) -> str:
    """Say in one sentence whether the network earned its place on this recording."""
    network = evaluation.verdicts["network"]
    plain = {name: v for name, v in evaluation.verdicts.items() if name not in ("all", "network")}
    allowed = network.alarms_in_healthy or 0
    quiet = {n: v for n, v in plain.items() if (v.alarms_in_healthy or 0) <= allowed}
    earlier = sorted(n for n, v in quiet.items() if _before(v, network))
    noisy = sorted(n for n, v in plain.items() if n not in quiet and _before(v, network))
    but = f" Earlier, but with more alarms there: {_listed(plain, noisy)}." if noisy else ""
    if earlier:
        when = "not at all" if network.first_alarm is None else f"at window {network.first_alarm}"
        return (
            f"The network alone alarms {when}; earlier, with no more alarms in the healthy part: "
            f"{_listed(plain, earlier)}. On this recording the plain method would do."
        )
    if network.first_alarm is None:
        return (
            "Neither the network nor a plain method with as few alarms in the healthy part alarms"
            f" after it; nothing here tells them apart.{but}"
        )
    same = sorted(n for n, v in quiet.items() if v.first_alarm == network.first_alarm)
    with_it = f", {', '.join(same)} in the same one" if same else ""
    return (
        f"The network alone alarms at window {network.first_alarm}{with_it};"
        f" no plain method with as few alarms in the healthy part is earlier.{but}"
    )


def _listed(plain: Mapping[str, Verdicts], names: Sequence[str]) -> str:
    return ", ".join(f"{name} at window {plain[name].first_alarm}" for name in names)


def kept_epoch(network: FittedNetwork) -> str:
    """Say in one sentence which epoch's weights the network has."""
    history = network.history
    if history.best_epoch < 0:
        return (
            "No epoch forecast better than the slow memory alone, so the recurrent layers add"
            " nothing here: deviations are taken from a running mean."
        )
    return f"The weights are those of epoch {history.best_epoch + 1} of {len(history.loss)}."


def _before(one: Verdicts, other: Verdicts) -> bool:
    if one.first_alarm is None:
        return False
    return other.first_alarm is None or one.first_alarm < other.first_alarm
