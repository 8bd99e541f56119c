"""All of the gateway's updates: what is heard, verified, led through its states, and reported."""

import logging
import time
from datetime import UTC, datetime

from edge_agent.daemon.update.by_hand import ByHandUpdates
from edge_agent.daemon.update.course import Course
from edge_agent.daemon.update.desires import Desires
from edge_agent.daemon.update.followers import Followers
from edge_agent.daemon.update.gate import Gate
from edge_agent.daemon.update.jobs import Jobs
from edge_agent.daemon.update.report import UpdateReport, update_report
from edge_agent.daemon.update.signing import Signing
from edge_agent.daemon.update.steps import Steps, is_unproven
from edge_agent.daemon.update.surroundings import Surroundings
from edge_agent.daemon.update.verifying import Deadlines, Verifying
from edge_agent.rollout.install.orders import ByHand
from edge_agent.rollout.messages import Report

_log = logging.getLogger(__name__)

RESTATE_S = 86_400.0  # a report a day, signed anew: silence is to be told from peace


class Updates:
    """On the scoring thread.

    Attributes:
        by_hand: does what is asked for at the gateway.
        report: how the update stands, for any thread.
    """

    def __init__(self, steps: Steps, around: Surroundings) -> None:
        """Go on from where ``steps``, which have recovered, stand."""
        self._steps = steps
        self._around = around
        session = around.session
        self._jobs = Jobs(around.in_background, around.wake)
        self._followers = Followers(around.changes.config, around.watches)
        deadlines = Deadlines(lambda: session.time_quality == "synchronised")
        self._course = Course(
            *(steps, self._jobs, Gate(around.trials), self._followers, around.changes),
            deadlines.is_late,
        )
        self._verifying: Verifying | None = None
        self._signing: Signing | None = None
        enrolled = around.enrolled
        if enrolled.folder is not None:
            self._verifying = Verifying(
                *(steps, self._jobs, self._course, self._followers, around, deadlines),
                self._publish,
                self._now,
            )
            self._signing = Signing(
                enrolled.folder, steps.journal, around.in_background, self._state, around.wake
            )
        self.by_hand = ByHandUpdates(
            *(steps, self._jobs, around.changes, self._is_verifying, self._by_hand, around.wake)
        )
        self._stated: tuple[object, ...] | None = None
        self._restate_s = 0.0
        self._exposed = () if enrolled.exposed is None else (enrolled.exposed,)
        for said in (enrolled.unusable, enrolled.exposed):
            if said is not None:
                _log.warning("update: %s", said)
        self.report: UpdateReport = self._report(None)

    def turn(self) -> None:
        """Go on where a step has ended; the scoring thread calls this between windows."""
        if self._jobs.has_news:
            self.look(time.monotonic())

    def look(self, now_s: float) -> None:
        """Go on wherever anything can be done; about once a second, ``now_s`` is monotonic."""
        self._jobs.settle()
        self.by_hand.look()
        self._followers.config = self._around.changes.config
        if self._verifying is not None and not self.by_hand.is_busy:
            may_begin = self._signing is None or not self._signing.is_busy
            self._verifying.look(now_s, may_begin=may_begin)
        self._course.look(now_s)
        problem = self._problem()
        self.report = self._report(problem)
        if self._signing is not None:
            self._tell(self._signing, now_s)

    def end(self) -> None:
        """Begin to end; what is being verified is verified again at the next start."""
        if self._verifying is not None:
            self._verifying.end()
        self._around.in_background(self._steps.end)

    def join(self, timeout_s: float) -> None:
        """Wait for what is being signed or verified."""
        for part in (self._verifying, self._signing, self.by_hand):
            if part is not None:
                part.join(timeout_s)

    @property
    def desires(self) -> Desires | None:
        """What listens on the gateway's topic; None where nothing is updated from afar."""
        return None if self._verifying is None else self._verifying.desires

    def _report(self, problem: str | None) -> UpdateReport:
        return update_report(
            self._steps.standing,
            enrolled=self._around.enrolled.folder is not None,
            problem=problem,
            waiting=self._course.waiting,
            exposed=self._exposed,
        )

    def _problem(self) -> str | None:
        verifying, signing = self._verifying, self._signing
        heard = None if verifying is None else verifying.reason or verifying.desires.problem
        signed = None if signing is None else signing.problem
        return self._around.enrolled.unusable or self._course.problem or heard or signed

    def _is_verifying(self) -> bool:
        is_verifying = self._verifying is not None and self._verifying.is_running
        return is_verifying or self._jobs.is_busy

    def _by_hand(self) -> ByHand:
        config = self._around.changes.config
        return ByHand(
            gateway=config.gateway,
            enrolment=self._around.enrolled.folder,
            state_dir=config.state_dir,
            path="",
            assets=self._followers.facts(),
            synchronised=self._around.session.time_quality == "synchronised",
        )

    def _state(self, envelope: bytes) -> None:
        topic = self._around.session.topics.of_gateway("update")
        self._around.outbox.state_sealed("update", topic, envelope)

    def _publish(self, envelope: bytes) -> None:
        self._state(envelope)
        self._stated = self._news(self._now())

    def _tell(self, signing: Signing, now_s: float) -> None:
        """Report what is new, but not between the reports of a verification."""
        if self._is_verifying():
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
            running=self._followers.running(),
            settings=self._steps.settings.kept.in_use,
            warnings=(*standing.warnings, *self._exposed, *((problem,) if problem else ())),
        )
