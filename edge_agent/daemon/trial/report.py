"""What is told of a trial, and what is kept of it over a restart."""

from typing import Literal

import msgspec

from edge_agent.daemon.trial.tally import Figures, Tally
from edge_agent.daemon.trial.verdict import Costs, Limits, Verdict
from edge_agent.pipeline.state import FlowState

Phase = Literal["backtest", "live", "done"]


class TrialReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a trial goes, or how it ended.

    Attributes:
        asset: whose windows both score.
        phase: ``backtest``: the recorded past is scored; ``live``; ``done``.
        verdict: as far as can be told; it stands once the phase is ``done``.
        reasons: for the verdict, at least one.
        bundle: file of the candidate.
        model: its name and version, None before it was opened.
        model_id: by which the ledger would count it, see LoadedBundle.model_id.
        incumbent: the same of the model that judges.
        by: who asked for it.
        started: when.
        ended: when, None while it goes on.
        wanted: live windows that both must have scored.
        live: figures of these.
        past: figures of the recorded windows, None where there are none yet, or none to be had.
        costs: what both take, likewise.
    """

    asset: str
    phase: Phase
    verdict: Verdict
    reasons: tuple[str, ...]
    bundle: str
    model: str | None
    model_id: str | None
    incumbent: str
    by: str | None
    started: str
    ended: str | None
    wanted: int
    live: Figures
    past: Figures | None
    costs: Costs | None


class KeptTrial(msgspec.Struct, kw_only=True):
    """A trial as it is kept; see TrialReport for what is not explained here.

    Attributes:
        format: of this struct.
        limits: what the candidate must keep to.
        budget_per_month: false alarms that the candidate's thresholds stand for.
        tally: of the live windows.
        flow: state of the candidate after the last of them; None before the first.
        next_index: of the window that comes after that.
        end: verdict and reasons where it has ended.
    """

    format: int
    asset: str
    bundle: str
    incumbent: str
    by: str | None
    started: str
    wanted: int
    limits: Limits
    phase: Phase = "backtest"
    model: str | None = None
    model_id: str | None = None
    budget_per_month: float | None = None
    past: Figures | None = None
    costs: Costs | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    flow: FlowState | None = None
    next_index: int = 0
    ended: str | None = None
    end: tuple[Verdict, tuple[str, ...]] | None = None
