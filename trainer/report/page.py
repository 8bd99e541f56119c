"""The report: one self-contained page for the engineer who ships the bundle."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from edge_agent.pipeline.result import WindowResult
from trainer.data import Series
from trainer.evaluate import Evaluation, Verdicts
from trainer.networks import FittedNetwork
from trainer.quantize import GateReport
from trainer.recipe import Recipe
from trainer.report import plots


@dataclass(frozen=True, slots=True)
class Findings:
    """What a training run found, for the report."""

    title: str
    recipe: Recipe
    series: Series
    results: Sequence[WindowResult]
    evaluation: Evaluation
    network: FittedNetwork
    gate: GateReport
    washout_tolerance: float


def render(findings: Findings) -> bytes:
    """Return the page as UTF-8."""
    from jinja2 import Environment, StrictUndefined

    source = (files("trainer.report") / "page.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    history = findings.network.history
    page = environment.from_string(source).render(
        f=findings,
        evaluation=findings.evaluation,
        verdict=verdict(findings.evaluation),
        score=plots.score_plot(findings.results, findings.evaluation),
        trends=plots.trend_plot(findings.series, findings.evaluation),
        distribution=plots.distribution_plot(findings.results, findings.evaluation),
        training=plots.training_plot(history.loss, history.val_loss),
    )
    return page.encode("utf-8")


def verdict(evaluation: Evaluation) -> str:
    """Say in one sentence whether the network earned its place on this recording."""
    network = evaluation.verdicts["network"]
    plain = {name: v for name, v in evaluation.verdicts.items() if name not in ("all", "network")}
    quiet = {n: v for n, v in plain.items() if v.alarms_in_healthy <= network.alarms_in_healthy}
    earlier = sorted(n for n, v in quiet.items() if _before(v, network))
    if network.first_alarm is None and not any(v.first_alarm is not None for v in quiet.values()):
        return "No detector alarms after the healthy part; nothing here tells them apart."
    if not earlier:
        return (
            f"The network alarms first, at window {network.first_alarm};"
            " no plain method with as few alarms in the healthy part is earlier."
        )
    firsts = ", ".join(f"{name} at window {quiet[name].first_alarm}" for name in earlier)
    when = "not at all" if network.first_alarm is None else f"at window {network.first_alarm}"
    return (
        f"The network alone alarms {when}; earlier, with no more alarms in the healthy part: "
        f"{firsts}. On this recording the plain method would do."
    )


def _before(one: Verdicts, other: Verdicts) -> bool:
    if one.first_alarm is None:
        return False
    return other.first_alarm is None or one.first_alarm < other.first_alarm
