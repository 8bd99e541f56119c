"""The gate before a commit: new models score beside the old ones, on each asset of their lines."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from edge_agent.daemon.trial.report import TrialReport
from edge_agent.daemon.trial.trials import TrialRefusedError, Trials
from edge_agent.daemon.trial.verdict import Limits
from edge_agent.rollout.install.journal import TrialEnd
from edge_agent.rollout.messages import Terms


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How the trials go.

    Attributes:
        ended: how they ended, by asset.
        open: what is still to be known of the others.
    """

    ended: dict[str, TrialEnd] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> dict[str, TrialEnd]:
        """Those that did not end well."""
        return {asset: end for asset, end in self.ended.items() if end.verdict != "good"}


def limits_of(terms: Terms) -> Limits:
    """Return the limits of the trial. Raises msgspec.ValidationError: one is unknown."""
    return msgspec.convert(terms.limits, Limits)


class Gate:
    """Has the agent's own trials decide; they outlive a restart by themselves."""

    def __init__(self, trials: Trials) -> None:
        """Use ``trials``, where whoever is at the gateway may have one, too."""
        self._trials = trials

    def look(self, candidates: Mapping[str, str], terms: Terms, by: str) -> Verdicts:
        """Begin the trials that have not begun; return how all of them go.

        Args:
            candidates: file of the new model, by asset.
            terms: of the rollout.
            by: tells the trials of one desire from those of another.
        """
        verdicts = Verdicts()
        for asset, file in candidates.items():
            report = self._own(asset, file, by)
            try:
                report = report or self._trials.start(
                    asset, file, terms.min_windows, limits_of(terms), by
                )
            except TrialRefusedError as error:  # somebody tries another one: after that
                verdicts.open[asset] = str(error)
                continue
            if report.phase == "done":
                verdicts.ended[asset] = TrialEnd(verdict=report.verdict, reasons=report.reasons)
            else:
                verdicts.open[asset] = f"{report.phase}: {'; '.join(report.reasons)}"
        return verdicts

    def stop(self, candidates: Mapping[str, str], by: str) -> None:
        """End the trials that go on."""
        for asset, file in candidates.items():
            report = self._own(asset, file, by)
            if report is not None and report.phase != "done":
                self._trials.stop(asset)

    def _own(self, asset: str, file: str, by: str) -> TrialReport | None:
        try:
            report = self._trials.report(asset)
        except TrialRefusedError:
            return None
        return report if (report.bundle, report.by) == (file, by) else None
