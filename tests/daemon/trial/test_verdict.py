from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from edge_agent.daemon.trial.tally import Figures
from edge_agent.daemon.trial.verdict import Cost, Costs, Limits, decide, poisson_tail

CALM = Figures(
    windows=200,
    days=1.0,
    unscored=0,
    lost=0,
    incumbent_anomalies=0,
    candidate_anomalies=0,
    extra=0,
    missed=0,
    alone=0.0,
    incumbent_over=0.0,
    candidate_over=0.0,
    shift=1.1,
    tail=0.9,
    rank=0.4,
    moves=True,
    busy_ms=0.2,
)
CHEAP = Cost(p50_ms=0.2, p99_ms=0.5, memory_mb=1.0)


@dataclass
class Case:
    said: str
    live: dict[str, Any]
    verdict: str = "bad"


def verdict(live: Figures = CALM, past: Figures | None = CALM, **more: Any) -> tuple[str, str]:
    facts: dict[str, Any] = {"wanted": 100, "costs": None, "budget": 1.0} | more
    found, reasons = decide(facts["wanted"], live, past, facts["costs"], facts["budget"], Limits())
    assert reasons
    return found, "; ".join(reasons)


def test_a_candidate_within_all_limits_is_good() -> None:
    assert verdict() == ("good", "200 live windows and 200 recorded ones within all limits")
    assert verdict(past=None)[0] == "good"


@pytest.mark.parametrize(
    "case",
    [
        Case("its scores are 3.00 times nearer to their threshold", {"shift": 3.0}),
        Case("its highest scores are 4.00 times nearer", {"tail": 4.0}),
        Case("its scores are at 0.10 of the incumbent's share", {"shift": 0.1}),
        Case("alone in alarm in 50% of the windows", {"alone": 0.5, "extra": 1}),
        Case("its score is the same in every window", {"moves": False}),
        Case("leaves 20 of 220 windows unscored", {"unscored": 20}),
        Case("2 anomalies that the incumbent does not see in", {"extra": 2}),
        Case("1 anomalies that the incumbent did not see", {"extra": 1}, "inconclusive"),
        Case(
            "1 of the incumbent's 3 anomalies were not seen",
            {"missed": 1, "incumbent_anomalies": 3},
            "inconclusive",
        ),
        Case("99 of 100 live windows were scored by both", {"windows": 99}, "inconclusive"),
    ],
)
def test_each_limit_has_its_reason(case: Case) -> None:
    found, said = verdict(replace(CALM, **case.live))
    assert (found, case.said in said) == (case.verdict, True), said
    if "windows" not in case.live:
        found, said = verdict(CALM, replace(CALM, **case.live))
        assert (found, case.said in said) == (case.verdict, True), said


def test_too_few_windows_are_never_good_and_what_is_bad_is_told_before() -> None:
    assert verdict(replace(CALM, windows=0, shift=None, tail=None))[0] == "inconclusive"
    assert verdict(replace(CALM, windows=3, shift=9.0))[0] == "bad"


def test_alarms_are_held_against_what_the_budget_lets_expect() -> None:
    many = replace(CALM, extra=3, days=300.0)
    assert verdict(CALM, many, budget=0.01)[0] == "bad"
    assert verdict(CALM, many, budget=1.0)[0] == "inconclusive"
    assert verdict(CALM, replace(many, days=0.5), budget=None)[0] == "bad"


def test_what_a_candidate_costs_has_limits() -> None:
    slow = Costs(incumbent=CHEAP, candidate=replace(CHEAP, p99_ms=5.1))
    assert "takes 5.1 ms for a window" in verdict(costs=slow)[1]
    dear = replace(CHEAP, p99_ms=4.0)
    assert verdict(costs=Costs(incumbent=dear, candidate=replace(CHEAP, p99_ms=7.9)))[0] == "good"
    large = Costs(incumbent=CHEAP, candidate=replace(CHEAP, memory_mb=18.0))
    assert "takes 17.0 MB more than the incumbent" in verdict(costs=large)[1]


def test_the_tail_of_the_poisson_distribution() -> None:
    assert poisson_tail(0, 2.0) == 1.0
    assert poisson_tail(1, 0.5) == pytest.approx(0.393469, abs=1e-6)
    assert poisson_tail(3, 2.0) == pytest.approx(0.323324, abs=1e-6)
    assert poisson_tail(2, 0.0) == 0.0
