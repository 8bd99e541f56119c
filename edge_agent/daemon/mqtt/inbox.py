"""Commands as they come over MQTT: read, bounded, answered; nothing in one can stop the agent.

Whoever may publish on the command topic, by the broker's access list, may command. What cannot be
read, is too long, too old, retained or one of too many is refused with a reason. Answers go to
``{root}/{gateway}/reply``, or to the response topic of MQTT 5 where that lies below it: a command
must not make the gateway write anywhere else.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from edge_agent.daemon.commands.bus import Origin, Respond
from edge_agent.daemon.commands.messages import Reply
from edge_agent.daemon.commands.requests import (
    COMMAND_BYTES_MAX,
    Answer,
    AnyCommand,
    CommandId,
    RemoteCommand,
    name_of,
    refused,
)
from edge_agent.daemon.mqtt.ear import Heard
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.outbox.pace import Pace
from edge_agent.daemon.session import Session

_log = logging.getLogger(__name__)

PER_S = 5.0
AT_ONCE = 60  # one for each of many assets
OLDEST_S = 600.0
REPLY_BYTES_MAX = 65536  # longer ones a broker may drop, or hang up
_TOPIC_MAX = 200
_ORIGIN = Origin("mqtt")
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class InboxState:
    """What has come, for the status.

    Attributes:
        commands: messages on the command topic.
        refused: of those, that were refused before anybody was asked.
        unanswered: answers that could not be sent: too many, or the connection was lost.
        problem: why no command can come.
    """

    commands: int = 0
    refused: int = 0
    unanswered: int = 0
    problem: str | None = None


_COMMAND: msgspec.json.Decoder[RemoteCommand] = msgspec.json.Decoder(RemoteCommand)


class _Named(msgspec.Struct):
    id: CommandId


class Inbox:
    """Takes what comes on the command topic; on the MQTT thread."""

    def __init__(
        self,
        session: Session,
        outbox: Outbox,
        submit: Callable[[AnyCommand, Origin, Respond], None],
    ) -> None:
        """Hand commands to ``submit``, see Bus; answer by way of ``outbox``."""
        self._session = session
        self._outbox = outbox
        self._submit = submit
        self._pace = Pace(PER_S, AT_ONCE)
        self.topic = session.topics.command
        self.wants_retained = False
        self.state = InboxState()

    def take(self, heard: Heard) -> None:
        """Have a command done, or refuse it."""
        self.state.commands += 1
        try:
            self._take(heard)
        except Exception:  # noqa: BLE001 - whatever somebody sends, the connection goes on
            _log.exception("a command could not be taken")

    def subscribed(self, problem: str | None) -> None:
        """Take note of the broker's answer to the subscription."""
        if problem is not None and problem != self.state.problem:
            _log.warning(
                "no commands over MQTT: the broker refused to subscribe to %s: %s",
                self.topic,
                problem,
            )
        self.state.problem = problem

    def _take(self, heard: Heard) -> None:
        command = _decode(heard.payload)
        topic, misplaced = self._reply_topic(heard.response_topic)

        def respond(answer: Answer) -> None:
            self._respond(topic, heard, command, answer)

        reason = misplaced or self._why_not(heard, command)
        if reason is not None or isinstance(command, str):
            self.state.refused += 1
            respond(refused(reason or str(command)))
        else:
            self._submit(command, _ORIGIN, respond)

    def _why_not(self, heard: Heard, command: RemoteCommand | str) -> str | None:
        now_s = time.monotonic()
        if self._pace.wait_s(now_s) > 0.0:
            return f"too many commands, allowed: {AT_ONCE} at once and then {PER_S:g} a second"
        self._pace.spend(now_s)
        if heard.retained:
            return "retained, allowed: not retained, as a command holds for now and not for later"
        if isinstance(command, str) or command.sent is None:
            return None

        age_s = time.time() - command.sent.timestamp()
        if self._session.time_quality != "synchronised" or abs(age_s) <= OLDEST_S:
            return None
        when = "ago" if age_s > 0 else "from now, by this gateway's clock"
        return f"sent {abs(age_s):.0f} s {when}, allowed: {OLDEST_S:.0f} s"

    def _reply_topic(self, wanted: str | None) -> tuple[str, str | None]:
        """Return where to answer, and why the command is refused where that is not ``wanted``."""
        own = self._session.topics.of_gateway("reply")
        if wanted is None or wanted == own:
            return own, None
        if (
            wanted.startswith(f"{own}/")
            and len(wanted) <= _TOPIC_MAX
            and not set(wanted) & set("+#\0")
        ):
            return wanted, None
        shown = wanted[:_TOPIC_MAX].encode("unicode_escape").decode()
        return own, f"response topic {shown}, allowed: {own} and what lies below it"

    def _respond(
        self, topic: str, heard: Heard, command: RemoteCommand | str, answer: Answer
    ) -> None:
        now_ns = time.time_ns()
        own_id, name = (
            (_id_in(heard.payload), None)
            if isinstance(command, str)
            else (command.id, name_of(command))
        )
        message = Reply(
            command_id=own_id,
            command=name,
            result=answer.result,
            reason=answer.reason,
            durable=answer.durable,
            data=answer.data,
            **self._session.envelope(topic, None, now_ns, now_ns),
        )
        body = msgspec.json.encode(message)
        if len(body) > REPLY_BYTES_MAX:
            allowed = f"allowed: {REPLY_BYTES_MAX}; ask for one asset, or for less"
            reason = f"the answer has {len(body)} bytes, {allowed}"
            message = msgspec.structs.replace(message, result="refused", reason=reason, data={})
            body = msgspec.json.encode(message)
        if not self._outbox.answer(topic, body, heard.correlation):
            self.state.unanswered += 1


def _decode(payload: bytes) -> RemoteCommand | str:
    """Return the command, or why there is none."""
    if len(payload) > COMMAND_BYTES_MAX:
        return f"{len(payload)} bytes, allowed: {COMMAND_BYTES_MAX}"
    try:
        return _COMMAND.decode(payload)
    except _UNREADABLE as error:
        return f"no command: {error}"


def _id_in(payload: bytes) -> str | None:
    """Return the id of what is no command otherwise."""
    if len(payload) <= COMMAND_BYTES_MAX:
        with contextlib.suppress(*_UNREADABLE):
            return msgspec.json.decode(payload, type=_Named).id
    return None
