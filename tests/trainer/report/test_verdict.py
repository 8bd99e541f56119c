"""What the report says in words: no more than was found."""

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import Manifest
from trainer.choose_detector import Standing
from trainer.evaluate import Evaluation, Verdicts
from trainer.metrics import CurvePoint, EventCounts, Labelled, Lead
from trainer.networks import FitHistory, NetworkSpec
from trainer.outcome import Truth
from trainer.report import Findings, verdict
from trainer.report.lead import reaches
from trainer.report.moments import at, span
from trainer.report.words import added, kept_epoch

replace = msgspec.structs.replace
MakeSeries = Callable[..., Any]
LABELS = np.arange(100) >= 80


def _verdicts(
    first: int | None, inside: int = 0, *, edge: bool = False, vus_pr: float | None = None
) -> Verdicts:
    labelled = None if vus_pr is None else _labelled(vus_pr)
    problem = "an alarm on the edge of the healthy part, window 51" if edge else None
    lead = Lead(
        first_alarm=first,
        lead_windows=None if first is None else 99 - first,
        lead_hours=None,
        delay_to_fpt=None,
        counts=first is not None and not edge and not inside,
        problem=problem,
    )
    return Verdicts(
        first_alarm=first,
        alarms_in_healthy=inside,
        alarms_per_healthy_day=None,
        alarms=(),
        lead=None if labelled else lead,
        labelled=labelled,
    )


def _labelled(vus_pr: float) -> Labelled:
    event = EventCounts(
        found=1, missed=0, false_alarms=1, precision=0.5, recall=1.0, f1=0.667, alarmed_share=0.1
    )
    figures: dict[str, Any] = dict.fromkeys(Labelled.__struct_fields__, 0.5)
    return Labelled(**(figures | {"vus_pr": vus_pr, "event": event}))


@pytest.fixture
def findings(manifest: Manifest, make_series: MakeSeries) -> Callable[..., Findings]:
    """``findings(labelled=False, healthy=(0, 50), **verdicts)``; names have - for _."""

    def make(
        *, labelled: bool = False, healthy: tuple[int, int] | None = (0, 50), **given: Verdicts
    ) -> Findings:
        verdicts = {name.replace("_", "-"): found for name, found in given.items()}
        evaluation = Evaluation(
            windows=100,
            scored=80,
            not_scored={"washout": 20},
            healthy=healthy,
            verdicts={"all": verdicts["network"], **verdicts},
            parity=None,
            labelled_rows=20 if labelled else None,
        )
        series = make_series(np.ones((100, 11)), manifest.flow.feature_names)
        truth = Truth(series, healthy, LABELS if labelled else None)
        return Findings(manifest, truth, [], evaluation, "run.csv")

    return make


@pytest.mark.parametrize(
    ("given", "headline"),
    [
        (
            {"network": (60, 0), "cusum": (70, 0), "pca": (None, 0), "weekly_profile": (80, 0)},
            "Yes: on this recording the network beats CUSUM, PCA and the seasonal profile.",
        ),
        (
            {"network": (60, 0), "cusum": (70, 0), "pca": (55, 0)},
            "In part: on this recording the network beats CUSUM, but not PCA (earlier).",
        ),
        (
            {"network": (60, 0), "cusum": (51, 2), "pca": (60, 0)},
            "In part: on this recording the network beats CUSUM, but not PCA (as early).",
        ),
        (
            {"network": (60, 1), "cusum": (None, 0), "pca": (70, 0)},
            (
                "No: on this recording the network does not beat CUSUM (no choice between alarms in"
                " the healthy part and a late one) and PCA (later, but its lead counts)."
            ),
        ),
        (
            {"network": (None, 0), "cusum": (None, 0), "pca": (None, 1)},
            "Nothing tells the detectors apart here: neither the network nor CUSUM and PCA alarms.",
        ),
        (
            {"network": (None, 0), "cusum": (None, 0), "pca": (60, 0)},
            (
                "No: on this recording the network does not beat CUSUM (silent too) and PCA"
                " (earlier)."
            ),
        ),
        (
            {"network": (60, 0)},
            "No comparison: no plain method could be fitted to hold the network against.",
        ),
    ],
)
def test_the_headline_says_what_was_found_and_no_more(
    findings: Callable[..., Findings],
    given: dict[str, tuple[int | None, int]],
    headline: str,
) -> None:
    found = findings(**{name: _verdicts(*figures) for name, figures in given.items()})
    assert verdict(found).headline == headline


def test_the_best_of_a_family_stands_for_it(findings: Callable[..., Findings]) -> None:
    found = findings(network=_verdicts(60), pca=_verdicts(70), pca_spe=_verdicts(55))
    assert "does not beat PCA" in verdict(found).headline


def test_a_plain_method_that_is_better_is_to_be_shipped(findings: Callable[..., Findings]) -> None:
    found = verdict(findings(network=_verdicts(60), cusum=_verdicts(55), ewma=_verdicts(52)))
    said = " ".join(found.sentences)
    shipped = "EWMA, at window 52, +52 min (0); this bundle: at window 60, +60 min (0)."
    assert f"To be shipped: {shipped}" in said.replace("\u00a0", " ")
    assert "--detector ewma" in said
    assert "Ahead of it here too: EWMA." in said


def _standing(seen: int, false_alarms: int = 0) -> Standing:
    faults = {f"louder {i}": i < seen for i in range(3)}
    return Standing(windows=50, false_alarms=false_alarms, seen=faults, delays=(5,) * seen)


@pytest.mark.parametrize(
    ("standings", "expected"),
    [
        (
            {"all": _standing(2), "ewma": _standing(2)},
            "this bundle, 0 alarms in 50 healthy windows, 2 of 3 injected faults seen; no plain",
        ),
        (
            {"all": _standing(1), "cusum": _standing(2)},
            "CUSUM, 0 alarms in 50 healthy windows, 2 of 3 injected faults seen; this bundle: 0",
        ),
        (
            {"cusum": _standing(0)},
            "CUSUM, 0 alarms in 50 healthy windows, 0 of 3 injected faults seen; this bundle: 1",
        ),
    ],
)
def test_healthy_windows_and_faults_put_into_them_say_what_to_ship(
    findings: Callable[..., Findings], standings: dict[str, Standing], expected: str
) -> None:
    given = {"network": _verdicts(60, 1), "cusum": _verdicts(70), "ewma": _verdicts(52)}
    found = verdict(dataclasses.replace(findings(**given), standings=standings))
    said = [s.replace("\u00a0", " ") for s in found.sentences]
    (told,) = (s for s in said if s.startswith("To be shipped: "))
    assert told.startswith(f"To be shipped: {expected}")
    assert ("--detector cusum" in told) is ("cusum" in standings)
    # hindsight is named as such
    assert any(s.startswith("With hindsight it would be EWMA, at window 52") for s in said)


def test_a_level_detector_that_does_as_well_is_named(findings: Callable[..., Findings]) -> None:
    said = "The level detector alone does as well or better: at window 60"
    for level, expected in ((60, True), (61, False)):
        found = verdict(findings(network=_verdicts(60), level=_verdicts(level)))
        assert any(s.startswith(said) for s in found.sentences) is expected


def test_what_no_gateway_can_run_is_not_to_be_shipped(findings: Callable[..., Findings]) -> None:
    found = verdict(findings(network=_verdicts(60), isolation_forest=_verdicts(52)))
    assert any(s.startswith("To be shipped: this bundle") for s in found.sentences)


def test_an_alarm_on_the_edge_earns_nothing(findings: Callable[..., Findings]) -> None:
    found = verdict(findings(network=_verdicts(60), cusum=_verdicts(51, edge=True)))
    assert found.headline.startswith("Yes: ")
    assert any(s.startswith("To be shipped: this bundle") for s in found.sentences)
    own = verdict(findings(network=_verdicts(51, edge=True), cusum=_verdicts(60)))
    assert any("does not count: an alarm on the edge" in s for s in own.sentences)


def test_where_nobody_alarms_nothing_is_recommended(findings: Callable[..., Findings]) -> None:
    found = verdict(findings(network=_verdicts(None), cusum=_verdicts(None)))
    assert any(s.startswith("Nothing here says which detector") for s in found.sentences)


def test_labels_decide_where_there_are_any(findings: Callable[..., Findings]) -> None:
    given = {"network": 0.1, "cusum": 0.05, "pca": 0.099, "weekly_profile": 0.67, "random": 0.12}
    found = verdict(
        findings(labelled=True, **{k: _verdicts(60, vus_pr=v) for k, v in given.items()})
    )
    said = " ".join(found.sentences)
    assert found.headline == (
        "In part: on this recording the network beats CUSUM, but not PCA and the seasonal profile."
    )
    assert "To be shipped: weekly profile, 0.670; this bundle: 0.100." in said
    assert "A random score gets 0.120." in said


def test_nothing_is_judged_where_nothing_is_known(findings: Callable[..., Findings]) -> None:
    found = verdict(findings(network=_verdicts(60), healthy=None))
    assert found.headline == "No judgement: nothing is known of this recording."


@pytest.mark.parametrize(
    ("network", "level", "ending"),
    [
        (60, 70, "The network is 10 windows ahead."),
        (70, 60, "The network is 10 windows behind."),
        (60, 60, "The network is not ahead of it."),
        (60, None, "Without the network there would be no alarm."),
        (None, 60, "The network adds no alarm that the level detector does not raise."),
    ],
)
def test_what_the_network_adds_is_said(
    findings: Callable[..., Findings], network: int | None, level: int | None, ending: str
) -> None:
    found = added(findings(network=_verdicts(network), level=_verdicts(level)))
    assert found is not None
    assert found.endswith(ending)


def test_an_alarm_that_was_always_open_has_no_lead(findings: Callable[..., Findings]) -> None:
    given = {0.25: (1, 50), 0.5: (3, 72), 1.0: (1, 80), 2.0: (0, 80), 4.0: (0, 90)}
    curve = tuple(
        CurvePoint(
            factor=factor,
            alarms_in_healthy=inside,
            alarms_per_healthy_day=None,
            first_alarm=first,
            lead_windows=99 - first,
            lead_hours=None,
            counts=not inside,
        )
        for factor, (inside, first) in given.items()
    )
    found = reaches(findings(network=replace(_verdicts(80), curve=curve)))["all"]
    assert (found.false_alarms, found.windows, found.lead) == ((0, 3), (80, 72), (19.0, 27.0))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(30.0, "30 s"), (600.0, "10 min"), (7200.0, "2.0 h"), (864_000.0, "10.0 days")],
)
def test_a_time_is_told_in_a_unit_that_suits_it(seconds: float, text: str) -> None:
    assert span(seconds).replace("\u00a0", " ") == text


def test_a_window_is_told_with_its_date_where_it_has_one(make_series: MakeSeries) -> None:
    series = make_series(np.ones((3, 1)), ("x_rms",))
    assert at(series, None) == "none"
    assert at(series, 2) == "2 (+2\u00a0min)"


@pytest.mark.parametrize(
    ("best", "sentence"),
    [(3, "The weights are those of epoch 4 of 6."), (-1, "the recurrent layers add nothing here")],
)
def test_a_fit_that_no_epoch_improved_says_so(
    random_network: Any, best: int, sentence: str
) -> None:
    spec = NetworkSpec(family="forecaster", form="streaming", units=(4,), memory_alpha=0.1)
    network = random_network(spec, 3, 3)
    history = FitHistory(loss=(1.0,) * 6, val_loss=(1.0,) * 6, best_epoch=best)
    object.__setattr__(network, "history", history)
    assert sentence in kept_epoch(network)
