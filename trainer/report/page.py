"""The report: one self-contained page for who looks after the machine and who ships the bundle."""

from trainer.report import plots
from trainer.report.figures import key_figures
from trainer.report.findings import Findings
from trainer.report.provenance import provenance
from trainer.report.tables import (
    alarm_table,
    detector_table,
    dropout_table,
    problems,
    reproduction_table,
)
from trainer.report.verdict import verdict
from trainer.report.words import added, faults, healthy_over, kept_epoch, not_scored, regime_rows


def render(findings: Findings) -> bytes:
    """Return the page as UTF-8. It refers to nothing outside itself."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("trainer.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    fitting, season, recipe = findings.fitting, findings.spec.season, findings.recipe
    on_test = recipe is not None and bool(recipe.published.validation_is_test)
    page = environment.get_template("page.html").render(
        f=findings,
        evaluation=findings.evaluation,
        title=f"{findings.manifest.name} {findings.manifest.version}",
        verdict=verdict(findings),
        figures=key_figures(findings),
        not_scored=not_scored(findings),
        score=plots.score_picture(findings),
        alarms=alarm_table(findings),
        trends=plots.trends_picture(findings),
        detectors=detector_table(findings),
        problems=problems(findings),
        leads=plots.leads_picture(findings),
        reproduction=reproduction_table(findings),
        added=added(findings),
        distribution=plots.distribution_picture(findings),
        over=healthy_over(findings),
        season=None
        if season is None
        else plots.season_picture(season, findings.spec.feature_names),
        regimes=regime_rows(findings),
        kept=None if fitting is None else kept_epoch(fitting.network),
        training=None
        if fitting is None
        else plots.training_picture(fitting.network.history, on_test=on_test),
        dropout=dropout_table(findings),
        faults=[] if recipe is None else faults(recipe.published),
        provenance=provenance(findings),
    )
    return page.encode("utf-8")
