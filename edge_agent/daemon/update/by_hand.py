"""What somebody at the gateway does with models: installs one, or takes the last one back.

It goes round the trial: who stands there decides. What runs is changed as by a commit, and what
cannot be used is taken back at once.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_agent.daemon.child import ChildError, outcome_of
from edge_agent.daemon.commands.bus import Respond
from edge_agent.daemon.commands.requests import Model, done, refused
from edge_agent.daemon.update.course import Reading
from edge_agent.daemon.update.jobs import Jobs
from edge_agent.daemon.update.steps import Steps
from edge_agent.rollout.install.orders import ByHand, Placing
from edge_agent.rollout.install.states import is_under_way

_log = logging.getLogger(__name__)

MODULE = "edge_agent.rollout.install.by_hand"
GRACE_S = 30.0  # beyond the process's own deadline


class ByHandUpdates:
    """Does one such command at a time; on the scoring thread.

    Attributes:
        is_busy: one is being done.
    """

    def __init__(
        self,
        steps: Steps,
        jobs: Jobs,
        reading: Reading,
        is_verifying: Callable[[], bool],
        order: Callable[[], ByHand],
        wake: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            steps: what is done on the disk.
            jobs: does them.
            reading: brings the agent to what the disk says.
            is_verifying: whether an update of the operator's is on its way.
            order: what to verify, but for what the command says.
            wake: makes the scoring thread look.
        """
        self._steps = steps
        self._jobs = jobs
        self._reading = reading
        self._is_verifying = is_verifying
        self._order = order
        self._wake = wake
        self._ended: list[tuple[Model, Respond, Placing]] = []
        self._thread: threading.Thread | None = None
        self.is_busy = False

    def command(self, command: Model, respond: Respond) -> None:
        """Do what was asked; see Bus."""
        state = self._steps.standing.state
        if self.is_busy or self._is_verifying() or is_under_way(state):
            respond(refused(f"an update is under way: {state}; allowed: when it has ended"))
        elif command.action == "rollback":
            self.is_busy = True
            self._roll_back(command, respond)
        elif command.path is None or not Path(command.path).is_absolute():
            respond(refused(f"path is {command.path!r}, allowed: an absolute one"))
        else:
            self.is_busy = True
            self._thread = threading.Thread(
                target=self._verify,
                args=(command, respond, self._order()),
                name="by hand",
                daemon=True,
            )
            self._thread.start()

    def look(self) -> None:
        """Use what was verified; about once a second."""
        if self._ended and not self._jobs.is_busy:
            command, respond, placing = self._ended.pop()
            self._use(command, respond, placing)

    def join(self, timeout_s: float) -> None:
        """Wait for what is being verified."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _verify(self, command: Model, respond: Respond, order: ByHand) -> None:
        order = msgspec.structs.replace(
            order,
            path=command.path or "",
            model=command.model,
            line=command.line,
            unsigned=command.unsigned,
            allow_downgrade=command.allow_downgrade,
        )
        try:
            placing = outcome_of(MODULE, order, Placing, order.timeout_s + GRACE_S)
        except (ChildError, OSError) as error:
            placing = Placing(refused=f"verification {error}", kind="failed")
        self._ended.append((command, respond, placing))
        self._wake()

    def _use(self, command: Model, respond: Respond, placing: Placing) -> None:
        data = {"placing": msgspec.to_builtins(placing)}
        line, folder = placing.line, placing.folder
        if line is None or folder is None:
            self._respond(respond, placing.refused or "nothing was placed", data)
            return
        reason = f"{placing.name} {placing.version} was installed by {command.by}"

        def read(problems: tuple[str, ...]) -> None:
            if not problems:
                self._respond(respond, None, data)
                return
            self._jobs.do(
                lambda: self._steps.put_back(line, folder),
                lambda _: self._read_back(respond, "; ".join(problems), data),
            )

        def used(problem: str | None) -> None:
            if problem is not None:
                self._respond(respond, problem, data)
            else:
                self._reading.renew(read)

        self._jobs.do(lambda: self._steps.use(line, folder, reason), used)

    def _read_back(self, respond: Respond, problem: str, data: dict[str, object]) -> None:
        self._reading.renew(lambda _: self._respond(respond, problem, data))

    def _roll_back(self, command: Model, respond: Respond) -> None:
        data: dict[str, object] = {}

        def back() -> None:
            data.update(self._steps.go_back(command.line, command.by))

        def gone_back(problem: str | None) -> None:
            if problem is not None:
                self._respond(respond, problem, data)
            else:
                self._reading.renew(
                    lambda problems: self._respond(respond, "; ".join(problems) or None, data)
                )

        self._jobs.do(back, gone_back)

    def _respond(self, respond: Respond, problem: str | None, data: dict[str, object]) -> None:
        self.is_busy = False
        _log.info("update by hand: %s", problem or data)
        respond(done(**data) if problem is None else refused(problem, **data))
