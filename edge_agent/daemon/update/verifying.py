"""From what was heard to what is verified: a process at a time, again while that may help."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from edge_agent.daemon.backoff import Backoff
from edge_agent.daemon.update.course import Course
from edge_agent.daemon.update.desires import Desires, pause_s, peek
from edge_agent.daemon.update.followers import Followers
from edge_agent.daemon.update.jobs import Jobs
from edge_agent.daemon.update.steps import Steps
from edge_agent.daemon.update.surroundings import Surroundings
from edge_agent.daemon.update.verification import Verification
from edge_agent.rollout.install.orders import Outcome, Prepare, Progress
from edge_agent.rollout.messages import Desire, Report

_log = logging.getLogger(__name__)

FIRST_WAIT_S = 10.0
LONGEST_WAIT_S = 900.0
_OPENING_S = 30.0  # so long a verification waits for sensors to be opened
_REMEMBERED = 8  # desires: no more are looked at side by side
_FETCHING = ("downloading", "verifying")


class Deadlines:
    """When a desire should be active, by the clock that can be trusted."""

    def __init__(self, is_synchronised: Callable[[], bool]) -> None:
        """Ask ``is_synchronised`` whether wall time counts."""
        self._is_synchronised = is_synchronised
        self._seen_s: dict[object, float] = {}

    def is_late(self, desire: Desire) -> bool:
        """Say whether its time is over: since it was issued, and since it was seen first."""
        now_s, timeout_s = time.monotonic(), desire.terms.timeout_s
        if now_s - self._seen_s.setdefault(desire.order, now_s) > timeout_s:
            return True
        while len(self._seen_s) > _REMEMBERED:
            del self._seen_s[next(iter(self._seen_s))]
        age_s = (datetime.now(UTC) - desire.issued).total_seconds()
        return self._is_synchronised() and age_s > timeout_s


class Verifying:
    """Has what is wanted verified, and told to the course; on the scoring thread.

    Attributes:
        desires: what listens on the gateway's topic.
        reason: why the last attempt came to nothing, where there will be another.
    """

    def __init__(
        self,
        steps: Steps,
        jobs: Jobs,
        course: Course,
        followers: Followers,
        around: Surroundings,
        deadlines: Deadlines,
        publish: Callable[[bytes], None],
        template: Callable[[], Report],
    ) -> None:
        """Go on from where ``steps`` stand.

        Args:
            steps: what is done on the disk.
            jobs: does them.
            course: is told when another desire is believed.
            followers: the assets.
            around: the agent.
            deadlines: of desires.
            publish: takes the reports that a verification has signed.
            template: what there is to report now.
        """
        self._steps = steps
        self._jobs = jobs
        self._course = course
        self._followers = followers
        self._around = around
        self._deadlines = deadlines
        self._publish = publish
        self._template = template
        self.desires = Desires(around.session.topics.desired, around.wake)
        self._verification: Verification | None = None
        self._heard: bytes | None = None
        self._wanted: bytes | None = None
        self._kept = steps.envelope()
        self._backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._retry_s = 0.0
        self._began_s = time.monotonic()
        self.reason: str | None = None

    @property
    def is_running(self) -> bool:
        """Something is being verified."""
        return self._verification is not None

    def look(self, now_s: float, *, may_begin: bool) -> None:
        """Go on; with ``may_begin`` nobody else numbers reports, and a process may."""
        self._listen(now_s)
        if self._verification is not None:
            self._hear(self._verification, now_s)
        elif may_begin and not self._jobs.is_busy and now_s >= self._retry_s:
            self._verify(now_s)

    def end(self) -> None:
        """End it; what is being verified is verified again at the next start."""
        if self._verification is not None:
            self._verification.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        if self._verification is not None:
            self._verification.join(timeout_s)

    def _listen(self, now_s: float) -> None:
        """Take what was heard, where it is not what is known already."""
        heard = self.desires.news()
        if heard is None or heard.payload == self._heard:
            return
        self._heard = news = heard.payload
        running = self._verification
        if running is not None and running.order.desire != news:
            running.stop()
            self._verification = None
        self._wanted, self._retry_s, self.reason = None, 0.0, None
        self._backoff.reset()
        known, wanted = self._steps.standing.desire, peek(news)
        if known is None or wanted != known:
            self._wanted = news
            if heard.retained and wanted is not None:
                self._retry_s = now_s + pause_s(wanted)

    def _verify(self, now_s: float) -> None:
        """Begin to verify what is wanted, or go on with what was being verified."""
        standing = self._steps.standing
        fetching = standing.state in _FETCHING
        envelope = self._wanted or (self._kept if fetching else None)
        desire = standing.desire
        if (
            fetching
            and self._wanted is None
            and desire is not None
            and self._deadlines.is_late(desire)
        ):
            reason = self.reason or "not fetched and verified in the time given"
            self._jobs.do(lambda: self._steps.refuse("failed", reason), self._over)
            return
        broker = self._around.changes.broker()
        opened = self._followers.are_known() or now_s - self._began_s > _OPENING_S
        if envelope is None or broker is None or not opened or standing.state == "committing":
            return
        config, enrolment = self._around.changes.config, self._around.enrolled.folder
        assert enrolment is not None  # noqa: S101 - there is somebody to sign
        order = Prepare(
            gateway=config.gateway,
            enrolment=enrolment,
            state_dir=config.state_dir,
            desire=envelope,
            newest=standing.order,
            known=desire,
            broker=broker,
            url=config.update.repository,
            assets=self._followers.facts(),
            report=self._template(),
        )
        _log.info("update: verifying what is wanted")
        self._verification = Verification(order, self._around.wake)

    def _hear(self, running: Verification, now_s: float) -> None:
        """Take the next that the verification says; a commit is not disturbed by it."""
        if self._jobs.is_busy or self._steps.standing.state == "committing":
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

        self._jobs.do(lambda: self._steps.believe(envelope, said), kept)

    def _conclude(self, outcome: Outcome, now_s: float) -> None:
        desire = outcome.desire
        if outcome.again and (desire is None or not self._deadlines.is_late(desire)):
            self._again(outcome.reason, now_s)
            return

        was_begun = self._wanted is None and self._steps.standing.state in _FETCHING

        def kept(problem: str | None) -> None:
            if problem is not None:
                self._again(problem, time.monotonic())
                return
            self._over(None)
            self._wanted = None
            if outcome.state is None and was_begun:  # believed before, but not any more
                reason = outcome.reason or "not believed any more"
                self._jobs.do(lambda: self._steps.refuse("failed", reason), self._over)
            if outcome.state == "staged" and desire is not None:
                self._vouch_for(desire)
            if outcome.report is not None:
                self._publish(outcome.report)

        _log.info("update: %s", outcome.reason or outcome.state)
        if desire is not None and desire != self._steps.standing.desire:
            self._course.let_go()
        self._jobs.do(lambda: self._steps.verified(outcome), kept)

    def _vouch_for(self, desire: Desire) -> None:
        """Spare the agent what the verification has computed already: it would delay scores."""
        models = self._around.changes.models
        for model in desire.models:
            self._around.in_background(partial(models.vouch, model.sha256))

    def _over(self, problem: str | None) -> None:
        self.reason = problem

    def _again(self, reason: str | None, now_s: float) -> None:
        if reason != self.reason:
            _log.warning("update: %s; trying again", reason)
        self.reason = reason
        self._retry_s = now_s + self._backoff.next_wait_s()
