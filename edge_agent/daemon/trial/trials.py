"""All trials of the agent: started, given their windows in small slices, judged, kept.

All of it runs on the scoring thread between two windows, but what takes long: the backtest is a
process of its own that a thread waits for, one at a time; files are read and written elsewhere.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from edge_agent.bundle import LoadedBundle
from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.commissioning.listening import ListeningBundle
from edge_agent.daemon.commissioning.overlays import tried_overlays_in
from edge_agent.daemon.config.settings import Asset
from edge_agent.daemon.judged import judge
from edge_agent.daemon.models import Models
from edge_agent.daemon.recorder import Recorder
from edge_agent.daemon.scoring import Watch
from edge_agent.daemon.trial.backtest import Order, Outcome, run_child
from edge_agent.daemon.trial.kept import FORMAT, TrialFiles, encoded
from edge_agent.daemon.trial.report import KeptTrial, TrialReport
from edge_agent.daemon.trial.running import Running
from edge_agent.daemon.trial.verdict import WINDOWS, Limits
from edge_agent.daemon.watches import Watches

_log = logging.getLogger(__name__)

SAVE_EVERY_S = 10.0

Prepared = tuple[Running, Outcome | None, LoadedBundle | str]


class TrialRefusedError(Exception):
    """There can be no such trial; the message says why."""


class Trials:
    """At most one trial for each asset."""

    def __init__(
        self,
        watches: Watches,
        recorder: Recorder,
        state_dir: Path,
        in_background: Callable[[Callable[[], None]], None],
        wake: Callable[[], None],
    ) -> None:
        """Go on with the trials that ``state_dir`` remembers.

        Args:
            watches: the assets.
            recorder: their past.
            state_dir: the agent's.
            in_background: runs what waits for the disk, one after the other.
            wake: makes the scoring thread call ``turn`` soon.
        """
        self._watches = watches
        self._recorder = recorder
        self._state_dir = state_dir
        self._files = TrialFiles(state_dir)
        self._in_background = in_background
        self._wake = wake
        self._trials = {kept.asset: Running(kept) for kept in self._files.load()}
        self._models = Models(state_dir / "verified.json", tried_overlays_in(state_dir))
        self._thread: threading.Thread | None = None
        self._prepared: deque[Prepared] = deque()
        self._save_due_s = 0.0
        self.reports: tuple[TrialReport, ...] = ()

    def start(
        self,
        asset: str,
        bundle: str,
        windows: int | None = None,
        limits: Limits | None = None,
        by: str | None = None,
    ) -> TrialReport:
        """Begin a trial; one that has ended makes room for it.

        Args:
            asset: whose windows are scored by both.
            bundle: file of the candidate, absolute.
            windows: live ones that both must have scored; None: a hundred.
            limits: what the candidate must keep to; None: the usual.
            by: who asks.

        Raises:
            TrialRefusedError: the asset is not watched or not commissioned, it has a trial, or the
                path is relative.
        """
        watch = self._watches.watch_of(asset)
        if watch is None:
            raise TrialRefusedError(f"asset {asset} is not watched")
        if isinstance(watch.bundle, ListeningBundle):
            raise TrialRefusedError(
                f"asset {asset} is not commissioned yet: nothing to compare with"
            )
        known = self._trials.get(asset)
        if known is not None and known.kept.phase != "done":
            raise TrialRefusedError(
                f"asset {asset} has a trial of {known.kept.bundle}, allowed: one at a time"
            )
        if not Path(bundle).is_absolute():
            raise TrialRefusedError(f"bundle is {bundle!r}, allowed: an absolute path")
        kept = KeptTrial(
            format=FORMAT,
            asset=asset,
            bundle=bundle,
            incumbent=watch.bundle.model_id,
            by=by,
            started=rfc3339(time.time_ns()),
            wanted=windows or WINDOWS,
            limits=limits or Limits(),
        )
        self._trials[asset] = Running(kept)
        self._keep(kept)
        _log.info("asset %s: trial of %s begins, asked for by %s", asset, bundle, by or "nobody")
        self._note()
        return self.report(asset)

    def stop(self, asset: str) -> TrialReport:
        """End a trial and forget it; return how it went so far. Raises TrialRefusedError."""
        report = self.report(asset)
        self._detach(self._trials.pop(asset))
        self._in_background(partial(self._files.remove, asset))
        _log.info("asset %s: trial of %s was stopped", asset, report.bundle)
        self._note()
        return report

    def report(self, asset: str) -> TrialReport:
        """Return how a trial goes, or how it ended. Raises TrialRefusedError."""
        trial = self._trials.get(asset)
        if trial is None:
            raise TrialRefusedError(f"asset {asset} has no trial")
        return trial.report()

    def turn(self) -> None:
        """Give one window to one candidate; the scoring thread calls this between windows."""
        trial = next((trial for trial in self._trials.values() if trial.has_work), None)
        if trial is None:
            return
        try:
            trial.advance()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a model may raise anything
            self._end(trial, f"failed on a window: {type(error).__name__}: {error}", bad=True)
        self._trials[trial.kept.asset] = self._trials.pop(trial.kept.asset)  # the others first
        self._wake()

    def look(self, now_s: float) -> None:
        """See to all trials; the scoring thread calls this about once a second."""
        while self._prepared:
            self._take(*self._prepared.popleft())
        for trial in list(self._trials.values()):
            if trial.kept.phase != "done":
                self._see_to(trial)
        if now_s >= self._save_due_s:
            self._save_due_s = now_s + SAVE_EVERY_S
            self.save()
        self._note()

    def save(self) -> None:
        """Take all that has changed here; write it elsewhere."""
        for trial in self._trials.values():
            if trial.is_changed:
                trial.keep()
                self._keep(trial.kept)

    def join(self, timeout_s: float) -> None:
        """Wait for what is being prepared, for so long at most."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _see_to(self, trial: Running) -> None:
        kept = trial.kept
        watch = self._watches.watch_of(kept.asset)
        if watch is None:
            return  # its sensor or bundle may yet come
        if watch.bundle.model_id != kept.incumbent:
            self._end(trial, f"another bundle judges by now: {watch.bundle.model_id}", bad=False)
        elif trial.candidate is None:
            self._prepare(trial, watch)
        elif kept.tally.windows >= kept.wanted and not trial.has_work:
            self._end(trial, None, bad=False)
        elif not trial.attach(watch) and trial.recalls:
            trial.recalls = False
            self._in_background(partial(trial.recall, self._recorder, self._wake))

    def _prepare(self, trial: Running, watch: Watch) -> None:
        """Have the past scored, where that was not done before, and the candidate loaded."""
        if self._is_preparing or self._prepared:
            return
        models = self._models = self._models.renewed()  # a file may have been replaced
        asset = self._watches.asset_of(trial.kept.asset)
        order = None
        if trial.kept.phase == "backtest":
            order = Order(
                asset=asset,
                candidate=trial.kept.bundle,
                model_id=watch.bundle.model_id,
                state_dir=str(self._state_dir),
                recorder=str(self._recorder.folder),
            )

        candidate = replace(asset, bundle=trial.kept.bundle)
        self._thread = threading.Thread(
            target=lambda: self._prepared.append((trial, *_prepared(order, candidate, models))),
            name="trial",
            daemon=True,
        )
        self._thread.start()

    def _take(self, trial: Running, outcome: Outcome | None, candidate: LoadedBundle | str) -> None:
        watch = self._watches.watch_of(trial.kept.asset)
        if self._trials.get(trial.kept.asset) is not trial or watch is None:
            return
        if isinstance(candidate, str):
            self._end(trial, f"cannot be tried here: {candidate}", bad=True)
            return
        if isinstance(candidate, ListeningBundle):
            reason = "cannot be tried here: it is general, and the asset was never commissioned"
            self._end(trial, reason, bad=True)
            return
        try:
            trial.begin(candidate, watch, outcome)
        except ValueError as error:
            self._end(trial, f"cannot be tried here: {error}", bad=True)

    def _end(self, trial: Running, reason: str | None, *, bad: bool) -> None:
        self._detach(trial)
        trial.end(reason, bad=bad)
        self._keep(trial.kept)
        report = trial.report()
        _log.log(
            logging.WARNING if report.verdict == "bad" else logging.INFO,
            "asset %s: trial of %s: %s: %s",
            report.asset,
            report.bundle,
            report.verdict,
            "; ".join(report.reasons),
            extra={"asset": report.asset, "event": f"trial_{report.verdict}"},
        )

    def _detach(self, trial: Running) -> None:
        trial.detach(self._watches.watch_of(trial.kept.asset))
        in_use = {
            other.candidate.bundle.model_id
            for other in self._trials.values()
            if other.candidate is not None
        }
        if not self._is_preparing:
            self._models.keep(in_use)

    @property
    def _is_preparing(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _keep(self, kept: KeptTrial) -> None:
        self._in_background(partial(self._files.save, kept.asset, encoded(kept)))

    def _note(self) -> None:
        """Let other threads see how all trials go."""
        self.reports = tuple(trial.report() for trial in self._trials.values())


def _prepared(
    order: Order | None, candidate: Asset, models: Models
) -> tuple[Outcome | None, LoadedBundle | str]:
    """Carry out ``order``, if there is one, and load the candidate, or say why it cannot be."""
    try:
        outcome = None if order is None else run_child(order)
        if outcome is not None and outcome.refused is not None:
            return outcome, outcome.refused
        judged = judge(candidate, models)
    except Exception as error:  # noqa: BLE001 - whatever a file leads to, the scoring goes on
        return None, f"{type(error).__name__}: {error}"
    return outcome, judged.bundle or str(judged.reason)
