"""One trial while it goes on: what is kept of it, and its candidate once that is loaded."""

import time
from collections.abc import Callable

from edge_agent.bundle import LoadedBundle
from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.recorder import Recorder
from edge_agent.daemon.scoring import Watch
from edge_agent.daemon.trial.backtest import Outcome
from edge_agent.daemon.trial.candidate import Candidate, seen_in
from edge_agent.daemon.trial.report import KeptTrial, TrialReport
from edge_agent.daemon.trial.tally import figures
from edge_agent.daemon.trial.verdict import decide
from edge_agent.pipeline.succession import computes_alike, cuts_alike


class Running:
    """A trial, on the scoring thread."""

    def __init__(self, kept: KeptTrial) -> None:
        """Go on with what was ``kept``."""
        self.kept = kept
        self.candidate: Candidate | None = None
        self.is_changed = True
        self.recalls = False  # the recorder is to be asked
        self._report: TrialReport | None = None

    @property
    def has_work(self) -> bool:
        """A window waits for the candidate."""
        return self.candidate is not None and self.candidate.has_work

    def advance(self) -> None:
        """Give the candidate one window. Raises whatever that raises."""
        if self.candidate is not None:
            self.candidate.advance()
            self.is_changed = True

    def begin(self, bundle: LoadedBundle, watch: Watch, outcome: Outcome | None) -> None:
        """Let ``bundle`` score beside the one of ``watch``, or go on as it was kept.

        Raises:
            ValueError: it takes another input, or what was kept is another bundle's.
        """
        kept, spec = self.kept, bundle.manifest.flow
        if not cuts_alike(spec, watch.flow.spec):
            raise ValueError("it takes another input than the bundle that judges")
        if kept.model_id not in (None, bundle.model_id):
            raise ValueError(f"{kept.bundle} has become another bundle, {bundle.model_id}")
        flow = bundle.flow(watch.range_max, watch.flow.judge.limit_mm_s)
        alike = computes_alike(spec, watch.flow.spec)
        if kept.flow is not None:
            flow.restore(kept.flow)
        else:
            flow.succeed(watch.flow.mark())
            kept.next_index = flow.index
        self.candidate = Candidate(bundle, flow, kept.tally, kept.next_index, alike=alike)
        if kept.flow is None and alike:
            self.candidate.warm_up(watch.flow.scorer.recent)
        kept.phase = "live"
        kept.model = f"{bundle.manifest.name} {bundle.manifest.version}"
        kept.model_id = bundle.model_id
        kept.budget_per_month = None if spec.budget is None else spec.budget.point.expected
        if outcome is not None:
            kept.past, kept.costs = outcome.past, outcome.costs
        self.is_changed = True

    def attach(self, watch: Watch) -> bool:
        """Take the windows of ``watch`` from now on; say whether it was another one until now.

        Where the agent or the sensor began anew, those in between are to be recalled, but not at
        once: what was announced before may be on its way to the recorder still.
        """
        candidate = self.candidate
        if candidate is None or watch.beside == candidate.offer:
            return False
        watch.beside = candidate.offer
        self.recalls = candidate.alike and candidate.next_index < watch.flow.index
        candidate.is_held = self.recalls
        return True

    def recall(self, recorder: Recorder, wake: Callable[[], None]) -> None:
        """Read the windows that the candidate has missed; on any thread but the scoring one."""
        candidate = self.candidate
        if candidate is None:
            return
        rows = recorder.read(self.kept.asset, since_index=candidate.next_index)
        names = candidate.flow.feature_names
        alike = rows.layout is not None and rows.layout.features == names
        candidate.recalled.append(seen_in(rows) if alike else [])
        wake()

    def keep(self) -> None:
        """Bring what is kept up to date."""
        if self.candidate is not None and not self.candidate.is_warming:
            self.kept.flow = self.candidate.flow.state()
            self.kept.next_index = self.candidate.next_index
        self.is_changed = False
        self._report = None

    def detach(self, watch: Watch | None) -> None:
        """Take no more windows."""
        candidate, self.candidate = self.candidate, None
        if watch is not None and candidate is not None and watch.beside == candidate.offer:
            watch.beside = None

    def end(self, reason: str | None, *, bad: bool) -> None:
        """Let the verdict stand; with a ``reason`` it is bad, or inconclusive."""
        kept = self.kept
        kept.phase, kept.ended = "done", rfc3339(time.time_ns())
        kept.flow = None
        report = self._made()
        if reason is None:
            kept.end = report.verdict, report.reasons
        else:
            known = report.reasons if report.verdict == "bad" else ()
            kept.end = ("bad" if bad or known else "inconclusive"), (reason, *known)
        self._report = None

    def report(self) -> TrialReport:
        """Return how the trial goes; figures are those of the last few seconds."""
        if self._report is None or self._report.phase != self.kept.phase:
            self._report = self._made()
        return self._report

    def _made(self) -> TrialReport:
        kept, live = self.kept, figures(self.kept.tally)
        verdict, reasons = kept.end or decide(
            kept.wanted, live, kept.past, kept.costs, kept.budget_per_month, kept.limits
        )
        return TrialReport(
            asset=kept.asset,
            phase=kept.phase,
            verdict=verdict,
            reasons=reasons,
            bundle=kept.bundle,
            model=kept.model,
            model_id=kept.model_id,
            incumbent=kept.incumbent,
            by=kept.by,
            started=kept.started,
            ended=kept.ended,
            wanted=kept.wanted,
            live=live,
            past=kept.past,
            costs=kept.costs,
        )
