from typing import Any, cast

import msgspec
import pytest

from edge_agent.daemon.trial.report import TrialReport
from edge_agent.daemon.trial.tally import Figures, Tally, figures
from edge_agent.daemon.trial.trials import TrialRefusedError
from edge_agent.daemon.trial.verdict import Limits
from edge_agent.daemon.update.gate import Gate, limits_of
from edge_agent.rollout.messages import Terms

TERMS = Terms(min_windows=7, limits={"shift_max": 3.0})
NOTHING: Figures = figures(Tally())


class Played:
    """The agent's trials: one that somebody else has begun, and those of the gate."""

    def __init__(self) -> None:
        self.trials: dict[str, TrialReport] = {}
        self.started: list[tuple[str, int, Limits]] = []

    def start(self, asset: str, bundle: str, windows: int, limits: Limits, by: str) -> TrialReport:
        known = self.trials.get(asset)
        if known is not None and known.phase != "done":
            raise TrialRefusedError(f"asset {asset} has a trial of {known.bundle}")
        self.started.append((asset, windows, limits))
        self.trials[asset] = self.made(asset, bundle, by)
        return self.trials[asset]

    def made(self, asset: str, bundle: str, by: str, **changes: Any) -> TrialReport:
        fields: dict[str, Any] = {
            "phase": "live",
            "verdict": "inconclusive",
            "reasons": ("0 of 7 live windows were scored by both",),
            "model": None,
            "model_id": None,
            "incumbent": "a",
            "started": "",
            "ended": None,
            "wanted": 7,
            "live": NOTHING,
            "past": None,
            "costs": None,
        }
        return TrialReport(asset=asset, bundle=bundle, by=by, **(fields | changes))

    def report(self, asset: str) -> TrialReport:
        if asset not in self.trials:
            raise TrialRefusedError(f"asset {asset} has no trial")
        return self.trials[asset]

    def stop(self, asset: str) -> TrialReport:
        return self.trials.pop(asset)

    def end(self, asset: str, verdict: str) -> None:
        self.trials[asset] = msgspec.structs.replace(
            self.trials[asset], phase="done", verdict=verdict, reasons=(verdict,)
        )


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def gate(played: Played) -> Gate:
    return Gate(cast("Any", played))


BOTH = {"press-1": "/m", "press-2": "/m"}


def test_each_asset_has_one_trial_by_the_terms_of_the_rollout(gate: Gate, played: Played) -> None:
    gate.look(BOTH, TERMS, "desire 1.1.1")
    verdicts = gate.look(BOTH, TERMS, "desire 1.1.1")
    limits = Limits(shift_max=3.0)
    assert played.started == [("press-1", 7, limits), ("press-2", 7, limits)]
    assert verdicts.open["press-1"] == "live: 0 of 7 live windows were scored by both"
    played.end("press-1", "good")
    played.end("press-2", "bad")
    verdicts = gate.look(BOTH, TERMS, "desire 1.1.1")
    assert (verdicts.open, set(verdicts.failed)) == ({}, {"press-2"})


def test_what_somebody_else_tries_is_waited_for(gate: Gate, played: Played) -> None:
    played.trials["press-1"] = played.made("press-1", "/other", "kim")
    verdicts = gate.look({"press-1": "/m"}, TERMS, "desire 1.1.1")
    assert verdicts.open == {"press-1": "asset press-1 has a trial of /other"}
    gate.stop({"press-1": "/m"}, "desire 1.1.1")
    assert played.trials["press-1"].by == "kim"
    played.end("press-1", "bad")
    assert gate.look({"press-1": "/m"}, TERMS, "desire 1.1.1").failed == {}
    assert played.trials["press-1"].by == "desire 1.1.1"


def test_the_trial_of_another_desire_does_not_count(gate: Gate, played: Played) -> None:
    gate.look({"press-1": "/m"}, TERMS, "desire 1.1.1")
    played.end("press-1", "good")
    assert gate.look({"press-1": "/m"}, TERMS, "desire 1.1.2").ended == {}


def test_a_limit_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="beauty"):
        limits_of(Terms(limits={"beauty": 1.0}))
