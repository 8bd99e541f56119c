"""All of the gateway's updates: what is heard, verified, led through its states, and reported."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_agent.daemon.backoff import Backoff
from edge_agent.daemon.changes import Changes
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.session import Session
from edge_agent.daemon.trial.trials import Trials
from edge_agent.daemon.update.course import Course
from edge_agent.daemon.update.desires import Desires, peek
from edge_agent.daemon.update.followers import Followers
from edge_agent.daemon.update.gate import Gate
from edge_agent.daemon.update.jobs import Jobs
from edge_agent.daemon.update.report import UpdateReport, update_report
from edge_agent.daemon.update.signing import Signing
from edge_agent.daemon.update.steps import Steps, is_unproven
from edge_agent.daemon.update.verification import Verification
from edge_agent.daemon.watches import Watches
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.install.orders import Outcome, Prepare, Progress
from edge_agent.rollout.messages import Desire, Report

_log = logging.getLogger(__name__)

FIRST_WAIT_S = 10.0
LONGEST_WAIT_S = 900.0
RESTATE_S = 86_400.0  # a report a day, signed anew: silence is to be told from peace
_OPENING_S = 30.0  # so long a verification waits for sensors to be opened
_FETCHING = ("downloading", "verifying")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What updates need of the agent.

    Attributes:
        enrolment: folder; None: nothing is updated from afar.
        unusable: why the one that is configured cannot be used.
        broker: how to reach it now; None while there is no connection.
        in_background: runs what waits for the disk, one after the other.
        wake: makes the scoring thread call ``turn`` soon.
    """

    enrolment: str | None
    unusable: str | None
    session: Session
    outbox: Outbox
    watches: Watches
    trials: Trials
    changes: Changes
    broker: Callable[[], Broker | None]
    in_background: Callable[[Callable[[], None]], None]
    wake: Callable[[], None]


class Updates:
    """On the scoring thread.

    Attributes:
        desires: what listens on the gateway's topic; None where nothing is updated from afar.
        report: how the update stands, for any thread.
    """

    def __init__(self, steps: Steps, around: Surroundings) -> None:
        """Go on from where ``steps``, which have recovered, stand."""
        self._steps = steps
        self._around = around
        session = around.session
        self.jobs = Jobs(around.in_background, around.wake)
        self.followers = Followers(around.changes.config, around.watches)
        self._course = Course(
            steps, self.jobs, Gate(around.trials), self.followers, around.changes, self._is_late
        )
        self.desires: Desires | None = None
        self._signing: Signing | None = None
        if around.enrolment is not None:
            self.desires = Desires(session.topics.desired, around.wake)
            self._signing = Signing(
                around.enrolment, steps.journal, around.in_background, self._state, around.wake
            )
        self._verification: Verification | None = None
        self._heard: bytes | None = None
        self._wanted: bytes | None = None
        self._kept = steps.envelope()
        self._backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._retry_s = 0.0
        self._reason: str | None = None
        self._seen_s: dict[object, float] = {}
        self._stated: tuple[object, ...] | None = None
        self._restate_s = 0.0
        self._began_s = time.monotonic()
        self.report: UpdateReport = update_report(steps.standing, enrolled=self._is_enrolled)

    def turn(self) -> None:
        """Go on where a step has ended; the scoring thread calls this between windows."""
        if self.jobs.has_news:
            self.look(time.monotonic())

    def look(self, now_s: float) -> None:
        """Go on wherever anything can be done; about once a second, ``now_s`` is monotonic."""
        self.jobs.settle()
        self.followers.config = self._around.changes.config
        if self._is_enrolled:
            self._listen()
            if self._verification is not None:
                self._hear(self._verification, now_s)
            else:
                self._verify(now_s)
        self._course.look(now_s)
        problem = self._problem()
        self.report = update_report(
            self._steps.standing,
            enrolled=self._is_enrolled,
            problem=problem,
            waiting=self._course.waiting,
        )
        if self._signing is not None:
            self._tell(self._signing, now_s)

    def end(self) -> None:
        """Begin to end; what is being verified is verified again at the next start."""
        if self._verification is not None:
            self._verification.stop()
        self._around.in_background(self._steps.end)

    def join(self, timeout_s: float) -> None:
        """Wait for what is being signed or verified."""
        for thread in (self._verification, self._signing):
            if thread is not None:
                thread.join(timeout_s)

    @property
    def _is_enrolled(self) -> bool:
        return self._around.enrolment is not None

    def _problem(self) -> str | None:
        heard = None if self.desires is None else self.desires.problem
        signing = None if self._signing is None else self._signing.problem
        return self._around.unusable or self._course.problem or self._reason or signing or heard

    def _state(self, envelope: bytes) -> None:
        topic = self._around.session.topics.of_gateway("update")
        self._around.outbox.state_sealed("update", topic, envelope)

    def _listen(self) -> None:
        """Take what was heard, where it is not what is known already."""
        news = None if self.desires is None else self.desires.news()
        if news is None or news == self._heard:
            return
        self._heard = news
        running = self._verification
        if running is not None and running.order.desire != news:
            running.stop()
            self._verification = None
        self._wanted, self._retry_s = None, 0.0
        self._backoff.reset()
        if peek(news) != self._steps.standing.desire:
            self._wanted = news

    def _verify(self, now_s: float) -> None:
        """Begin to verify what is wanted, or go on with what was being verified."""
        standing, signing = self._steps.standing, self._signing
        fetching = standing.state in _FETCHING
        envelope = self._wanted or (self._kept if fetching else None)
        if self.jobs.is_busy or signing is None or signing.is_busy or now_s < self._retry_s:
            return
        desire = standing.desire
        if fetching and self._wanted is None and desire is not None and self._is_late(desire):
            reason = self._reason or "not fetched and verified in the time given"
            self.jobs.do(lambda: self._steps.refuse("failed", reason), self._over)
            return
        broker = self._around.broker()
        opened = self.followers.are_known() or now_s - self._began_s > _OPENING_S
        if envelope is None or broker is None or not opened or standing.state == "committing":
            return
        config, enrolment = self._around.changes.config, self._around.enrolment
        assert enrolment is not None  # noqa: S101 - there is somebody to sign
        order = Prepare(
            gateway=config.gateway,
            enrolment=enrolment,
            state_dir=config.state_dir,
            desire=envelope,
            newest=standing.order,
            known=desire,
            broker=broker,
            assets=self.followers.facts(),
            report=self._now(),
        )
        _log.info("update: verifying what is wanted")
        self._verification = Verification(order, self._around.wake)

    def _hear(self, running: Verification, now_s: float) -> None:
        """Take the next that the verification says; a commit is not disturbed by it."""
        if self.jobs.is_busy or self._steps.standing.state == "committing":
            return
        said = running.take()
        if isinstance(said, Progress):
            self._believe(running, said)
        elif said is not None:
            self._verification = None
            self._conclude(said, now_s)

    def _believe(self, running: Verification, said: Progress) -> None:
        envelope = running.order.desire
        if said.desire != self._steps.standing.desire:
            self._course.let_go()

        def kept(problem: str | None) -> None:
            if problem is None:
                self._wanted, self._kept = None, envelope
                self._publish(said.report)
            else:  # what is not journalled is not done: again, when the disk takes it
                running.stop()
                self._verification = None
                self._again(problem, time.monotonic())

        self.jobs.do(lambda: self._steps.believe(envelope, said), kept)

    def _conclude(self, outcome: Outcome, now_s: float) -> None:
        desire = outcome.desire
        if outcome.again and (desire is None or not self._is_late(desire)):
            self._again(outcome.reason, now_s)
            return

        def kept(problem: str | None) -> None:
            if problem is not None:
                self._again(problem, time.monotonic())
                return
            self._over(None)
            self._wanted = None
            if outcome.report is not None:
                self._publish(outcome.report)

        _log.info("update: %s", outcome.reason or outcome.state)
        self.jobs.do(lambda: self._steps.verified(outcome), kept)

    def _over(self, problem: str | None) -> None:
        self._reason = problem

    def _again(self, reason: str | None, now_s: float) -> None:
        if reason != self._reason:
            _log.warning("update: %s; trying again", reason)
        self._reason = reason
        self._retry_s = now_s + self._backoff.next_wait_s()

    def _publish(self, envelope: bytes) -> None:
        self._state(envelope)
        self._stated = self._news(self._now())

    def _is_late(self, desire: Desire) -> bool:
        """Say whether it should be active by now, by the clock that can be trusted."""
        now_s, timeout_s = time.monotonic(), desire.terms.timeout_s
        if now_s - self._seen_s.setdefault(desire.order, now_s) > timeout_s:
            return True
        age_s = (datetime.now(UTC) - desire.issued).total_seconds()
        return self._around.session.time_quality == "synchronised" and age_s > timeout_s

    def _tell(self, signing: Signing, now_s: float) -> None:
        """Report what is new, but not between the reports of a verification."""
        if self._verification is not None or self.jobs.is_busy:
            return
        report = self._now()
        news = self._news(report)
        if news != self._stated or now_s >= self._restate_s:
            self._stated, self._restate_s = news, now_s + RESTATE_S
            signing.ask(report)
        signing.look(now_s)

    def _news(self, report: Report) -> tuple[object, ...]:
        running = {name: (one.line, one.sha256) for name, one in report.running.items()}
        unproven = is_unproven(self._steps.standing)
        stated = report.state, report.reason, report.answers, report.settings, report.warnings
        return *stated, running, unproven

    def _now(self) -> Report:
        """Return what there is to report now."""
        standing, session = self._steps.standing, self._around.session
        desire = standing.desire
        problem = self._problem()
        return Report(
            gateway=session.topics.gateway,
            number=standing.number,
            session=session.id,
            at=datetime.now(UTC),
            time_quality=session.time_quality,
            state=standing.state,
            reason=standing.reason,
            answers=None if desire is None else desire.order,
            rollout=None if desire is None else desire.rollout,
            held_s=standing.held_s,
            running=self.followers.running(),
            settings=self._steps.settings.kept.in_use,
            warnings=standing.warnings if problem is None else (*standing.warnings, problem),
        )
