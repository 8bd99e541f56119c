"""From whoever asks to whoever does: commands wait here for the scoring thread, answers do not.

A handler runs on the scoring thread, between two windows, and answers at once or later, from any
thread. What it changed must be on the disk by then; the audit's line is, before anybody hears the
answer. A command that is sent again while its answer is still to come gets that one too.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.commands.audit import Audit, Logged
from edge_agent.daemon.commands.requests import Answer, AnyCommand, Command, name_of, refused

_log = logging.getLogger(__name__)

WAITING_MAX = 64
REMEMBERED_MAX = 1000

C = TypeVar("C", bound=Command)
Respond = Callable[[Answer], None]
Handler = Callable[[C, Respond], None]


@dataclass(frozen=True, slots=True)
class Origin:
    """Which way a command came.

    Attributes:
        via: MQTT, or the local socket.
        user: id of the local process's user; None over MQTT, where the broker has let it in.
    """

    via: Literal["mqtt", "local"]
    user: int | None = None


@dataclass(slots=True)
class _Asked:
    """A command whose answer is still to come."""

    command: AnyCommand
    origin: Origin
    responds: list[Respond] = field(default_factory=list)


class Bus:
    """Takes commands from any thread; hands them to their handlers on the scoring thread."""

    def __init__(
        self,
        audit: Audit,
        wake: Callable[[], None],
        in_background: Callable[[Callable[[], None]], None],
    ) -> None:
        """Begin with the answers that ``audit`` remembers, and without a handler.

        Args:
            audit: where commands that change something are written.
            wake: makes the scoring thread call ``serve`` soon.
            in_background: runs what waits for the disk, one after the other.
        """
        self._audit = audit
        self._wake = wake
        self._in_background = in_background
        self._handlers: dict[type[Command], Handler[Any]] = {}
        self._waiting: deque[_Asked] = deque()
        self._asked: dict[str, _Asked] = {}
        self._answered: OrderedDict[str, tuple[AnyCommand, Answer]] = OrderedDict()
        self._lock = threading.Lock()
        for line in audit.last(REMEMBERED_MAX):
            if line.command is not None and line.answer is not None:
                self._answered[line.command.id] = line.command, line.answer

    def register(self, kind: type[C], handler: Handler[C]) -> None:
        """Let ``handler(command, respond)`` do all commands of ``kind``.

        It is called on the scoring thread and must not wait for anything; it calls ``respond``
        once, at once or later.
        """
        self._handlers[kind] = handler

    def submit(self, command: AnyCommand, origin: Origin, respond: Respond) -> None:
        """Have ``command`` done; ``respond`` is called once, on any thread, and must not wait."""
        asked = _Asked(command, origin, [respond])
        with self._lock:
            answer = self._known(asked)
            if answer is None and command.id in self._asked:
                return
            if answer is None and len(self._asked) >= WAITING_MAX:
                answer = refused(f"busy: {WAITING_MAX} commands wait for their answers")
            if answer is None:
                self._asked[command.id] = asked
                self._waiting.append(asked)
        if answer is None:
            self._wake()
        else:
            respond(answer)

    def serve(self) -> None:
        """Do the oldest command that waits; the scoring thread calls this between windows."""
        if not self._waiting:
            return
        asked = self._waiting.popleft()
        if self._waiting:
            self._wake()
        handler = self._handlers.get(type(asked.command))
        name = name_of(asked.command)
        if handler is None:
            self._answer(asked, refused(f"this agent cannot {name}"))
            return
        try:
            handler(asked.command, lambda answer: self._answer(asked, answer))
        except Exception as error:  # noqa: BLE001 - a command must not be able to stop the scoring
            _log.exception("command %s failed", name)
            self._answer(asked, refused(f"failed: {type(error).__name__}: {error}"))

    def _known(self, asked: _Asked) -> Answer | None:
        """Return the answer to a command that was sent before; join one that is being done."""
        command = asked.command
        if not command.changes:
            pending = self._asked.get(command.id)
            return None if pending is None else refused(f"id {command.id} is in use")
        before = self._answered.get(command.id)
        pending = self._asked.get(command.id)
        same = before[0] if before is not None else None if pending is None else pending.command
        if same is None:
            return None
        if same != command:
            return refused(f"id {command.id} was used for another command, {name_of(same)}")
        if before is not None:
            return before[1]
        assert pending is not None  # noqa: S101 - one of the two was there
        pending.responds += asked.responds
        return None

    def _answer(self, asked: _Asked, answer: Answer) -> None:
        if not asked.command.changes:
            self._respond(asked, answer)
            return
        self._in_background(lambda: self._log_and_respond(asked, answer))

    def _log_and_respond(self, asked: _Asked, answer: Answer) -> None:
        command = asked.command
        line = Logged(
            at=rfc3339(time.time_ns()),
            what=name_of(command),
            asset=command.asset,
            by=command.by,
            via=asked.origin.via,
            user=asked.origin.user,
            command=command,
            answer=answer,
        )
        try:
            self._audit.append(line, durable=True)
        except OSError as error:
            _log.warning("%s: cannot be written: %s", self._audit.path, error.strerror or error)
            answer = msgspec.structs.replace(answer, durable=False)
        self._respond(asked, answer)

    def _respond(self, asked: _Asked, answer: Answer) -> None:
        with self._lock:
            if self._asked.get(asked.command.id) is not asked:
                return  # it has been answered
            del self._asked[asked.command.id]
            if asked.command.changes:
                self._answered[asked.command.id] = asked.command, answer
                if len(self._answered) > REMEMBERED_MAX:
                    self._answered.popitem(last=False)
        for respond in asked.responds:
            respond(answer)
