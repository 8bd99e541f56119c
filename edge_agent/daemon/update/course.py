"""What follows what: from a verified desire to models that have held, or back to those before.

All of it is decided on the scoring thread, about once a second; the disk, the verification and
the trials do their part elsewhere and are only looked at here.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from edge_agent.daemon.update.followers import Followers
from edge_agent.daemon.update.gate import Gate, limits_of
from edge_agent.daemon.update.jobs import Jobs
from edge_agent.daemon.update.proof import Proof
from edge_agent.daemon.update.steps import Steps, changed_lines, is_unproven
from edge_agent.rollout.install.journal import Standing, TrialEnd
from edge_agent.rollout.messages import Desire, RemoteSettings, UpdateState

AGAIN_S = 10.0  # after a step that the disk refused
NOTE_S = 60.0  # of held time that a power cut may cost
_WELL = ("running", "commissioning", "no_data", "sensor_fault")

Done = Callable[[tuple[str, ...]], None]


class Reading(Protocol):
    """How the agent goes over to what lies on the disk; see Changes."""

    remote: RemoteSettings | None

    def ask(self, done: Done | None = None) -> None:
        """Read the configuration and all bundles again."""
        ...

    def renew(self, done: Done | None = None) -> None:
        """Read all bundles again."""
        ...


class Course:
    """Leads one desire after the other to its end.

    Attributes:
        problem: why it does not go on.
        waiting: what it waits for.
    """

    def __init__(
        self,
        steps: Steps,
        jobs: Jobs,
        gate: Gate,
        followers: Followers,
        reading: Reading,
        is_late: Callable[[Desire], bool],
    ) -> None:
        """Go on from where ``steps`` stand.

        Args:
            steps: what is done on the disk.
            jobs: does them.
            gate: the trials.
            followers: the assets.
            reading: brings the agent to what the disk says.
            is_late: whether a desire should have been active by now.
        """
        self._steps = steps
        self._jobs = jobs
        self._gate = gate
        self._followers = followers
        self._reading = reading
        self._is_late = is_late
        self._proof: Proof | None = None
        self._were_well: frozenset[str] = frozenset()
        self._read: tuple[str, ...] | None = None
        self._is_placed = False
        self._unread: str | None = None  # why the agent has not gone back to what the disk says
        self._again_s = 0.0
        self._note_due_s = 0.0
        self.problem: str | None = None
        self.waiting: str | None = None

    def look(self, now_s: float) -> None:
        """Go on, where anything can be done now; ``now_s`` is monotonic."""
        if self._jobs.is_busy or now_s < self._again_s:
            return
        if self._unread is not None:
            self._again_s = now_s + AGAIN_S
            self._read_again(with_settings=True, done=self._is_back)
        standing = self._steps.standing
        desire = standing.desire
        if desire is None:
            return
        if standing.state in ("staged", "trial") and self.problem and self._is_late(desire):
            problem = self.problem
            self._do(lambda: self._steps.refuse("failed", problem), now_s)
        elif standing.state == "staged":
            self._leave_staged(standing, desire, now_s)
        elif standing.state == "trial":
            self._try(standing, desire, now_s)
        elif standing.state == "committing":
            self._commit(standing, now_s)
        elif is_unproven(standing):
            self._hold(standing, desire, now_s)

    def let_go(self) -> None:
        """Leave what is under way to another desire: nothing of it was taken over, or all."""
        standing = self._steps.standing
        if standing.desire is not None and standing.state == "trial":
            self._gate.stop(self._candidates(standing), _tag(standing.desire))
        self._proof, self.waiting = None, None

    def _leave_staged(self, standing: Standing, desire: Desire, now_s: float) -> None:
        refusal = self._refusal(desire)
        lines, settings = changed_lines(standing), self._steps.wanted_settings()
        if refusal is not None:
            self._do(lambda: self._steps.refuse("rejected", refusal), now_s)
        elif not lines and settings is None:
            self._do(lambda: self._steps.taken_over("runs already"), now_s)
        elif self._candidates(standing) and not self._goes_back(desire, lines):
            self._do(lambda: self._steps.enter("trial"), now_s)
        else:
            why = f"nothing to compare with for {', '.join(lines)}"
            if self._goes_back(desire, lines):
                why = "back to what was in use before"
            self._begin_commit(f"no trial: {why}" if lines else None, {}, now_s)

    def _goes_back(self, desire: Desire, lines: Mapping[str, str]) -> bool:
        """Say whether the operator lets go what was in use here before, and kept as good."""
        before = self._steps.lines.before
        return not desire.terms.trial and all(
            folder in before(line) for line, folder in lines.items()
        )

    def _refusal(self, desire: Desire) -> str | None:
        try:
            limits_of(desire.terms)
        except msgspec.ValidationError as error:
            return f"limits of the trial: {error}"
        settings = desire.settings or RemoteSettings()
        named = {*settings.period_s, *settings.false_alarms_per_month}
        unknown = sorted(named - self._followers.records().keys())
        if unknown:
            known = ", ".join(sorted(self._followers.records()))
            return f"settings: found {', '.join(unknown)}, allowed: assets {known}"
        return None

    def _candidates(self, standing: Standing) -> dict[str, str]:
        """Return the file of the new model, by asset that has another to compare it with."""
        found = {}
        wanted = _wanted(standing.desire)
        for line, folder in changed_lines(standing).items():
            for name in self._followers.of(line):
                if self._followers.incumbent(name) not in (None, wanted[line]):
                    found[name] = str(self._steps.lines.model_file(line, folder))
        return found

    def _try(self, standing: Standing, desire: Desire, now_s: float) -> None:
        candidates, by = self._candidates(standing), _tag(desire)
        verdicts = self._gate.look(candidates, desire.terms, by)
        self.waiting = _listed(verdicts.open) or None
        failed = {name: "; ".join(end.reasons) for name, end in verdicts.failed.items()}
        if failed:
            worst = "bad" if any(e.verdict == "bad" for e in verdicts.failed.values()) else None
            reason = f"trial {worst or 'inconclusive'}: {_listed(failed)}"
        elif verdicts.open and self._is_late(desire):
            reason = f"trial inconclusive in the time given: {_listed(verdicts.open)}"
        elif verdicts.open:
            return
        else:
            self._begin_commit(f"trial good on {', '.join(candidates)}", verdicts.ended, now_s)
            return
        self._gate.stop(candidates, by)
        self._do(lambda: self._steps.refuse("rolled_back", reason), now_s)

    def _begin_commit(
        self, reason: str | None, trials: Mapping[str, TrialEnd], now_s: float
    ) -> None:
        records = self._followers.records()
        changes_settings = self._steps.wanted_settings() is not None
        self._were_well = frozenset(
            name for name, one in records.items() if changes_settings and one.state in _WELL
        )
        self._read, self._is_placed = None, False

        def placed(problem: str | None) -> None:
            self._note(problem, now_s)
            if problem is None:
                self._is_placed = True
                self._read_again(with_settings=changes_settings, done=self._has_read)

        self._jobs.do(lambda: self._steps.commit(reason, trials), placed)

    def _has_read(self, problems: tuple[str, ...]) -> None:
        self._read = problems
        if not problems:
            self._unread = None

    def _commit(self, standing: Standing, now_s: float) -> None:
        """Wait for all assets to be over; then, and whenever something fails, decide."""
        if not self._is_placed:
            self._take_back(self.problem or "could not be placed", standing, now_s)
        elif self._read:
            self._take_back("; ".join(self._read), standing, now_s)
        elif self._read is not None:
            self._begin_proof(standing, now_s)
            fault = None if self._proof is None else self._proof.look(now_s)
            if fault is not None:
                self._take_back(fault, standing, now_s)
            else:
                self._do(lambda: self._steps.taken_over(standing.reason), now_s)

    def _begin_proof(self, standing: Standing, now_s: float) -> None:
        wanted, held_s = _wanted(standing.desire), standing.held_s or 0.0
        were_well: frozenset[str] = frozenset()
        if self._steps.settings.kept.trying is not None:  # after a restart all are to be well
            were_well = self._were_well or frozenset(self._followers.records())
        self._proof = Proof(self._followers, wanted, were_well, held_s, now_s)
        self._note_due_s = now_s + NOTE_S

    def _hold(self, standing: Standing, desire: Desire, now_s: float) -> None:
        if self._proof is None:
            self._begin_proof(standing, now_s)
        proof = self._proof
        assert proof is not None  # noqa: S101 - it has just begun
        fault = proof.look(now_s)
        if fault is not None:
            self._take_back(fault, standing, now_s)
        elif proof.held_s >= desire.terms.hold_s:
            self._do(lambda: self._steps.proven(proof.held_s), now_s)
        elif now_s >= self._note_due_s:
            self._note_due_s = now_s + NOTE_S
            self._do(lambda: self._steps.held(proof.held_s), now_s)

    def _take_back(self, reason: str, standing: Standing, now_s: float) -> None:
        """Go back to what ran before; what changed nothing has failed instead."""
        self._proof = None
        tries_settings = self._steps.settings.kept.trying is not None
        state: UpdateState = "rolled_back" if changed_lines(standing) else "rejected"
        if standing.state == "active":
            state = "rolled_back" if changed_lines(standing) or tries_settings else "failed"

        def taken_back(problem: str | None) -> None:
            self._note(problem, now_s)
            if problem is None:
                self._is_placed = False
                self._read_again(with_settings=tries_settings, done=self._is_back)

        self._jobs.do(lambda: self._steps.take_back(reason, state), taken_back)

    def _is_back(self, problems: tuple[str, ...]) -> None:
        self.problem = self._unread = "; ".join(problems) or None

    def _read_again(self, *, with_settings: bool, done: Done) -> None:
        self._reading.remote = self._steps.settings.kept.in_use
        if with_settings:
            self._reading.ask(done)
        else:
            self._reading.renew(done)

    def _do(self, job: Callable[[], None], now_s: float) -> None:
        self._jobs.do(job, lambda problem: self._note(problem, now_s))

    def _note(self, problem: str | None, now_s: float) -> None:
        self.problem = problem or self._unread
        if problem is not None:
            self._again_s = now_s + AGAIN_S


def _wanted(desire: Desire | None) -> dict[str, str]:
    return {} if desire is None else {model.line: model.sha256 for model in desire.models}


def _tag(desire: Desire) -> str:
    order = desire.order
    return f"desire {order.generation}.{order.epoch}.{order.counter}"


def _listed(by_asset: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {said}" for name, said in by_asset.items())
