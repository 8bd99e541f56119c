"""The other end of the agent's local socket, for ``tap``, ``record`` and commands."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from edge_agent.daemon.commands.requests import Answer, AnyCommand
from edge_agent.daemon.local.messages import Answered, BlockSeen, Refused, Request, Said
from edge_agent.daemon.report import AgentReport
from edge_agent.daemon.status import NotRunningError

_CONNECT_TIMEOUT_S = 5.0
_READ_BYTES = 1 << 18
_FLOAT_BYTES = 4


class UnknownAssetError(Exception):
    """The running agent has no such asset."""


class AgentLeftError(Exception):
    """The agent has hung up: it was stopped, or let nobody else in."""


class LocalClient:
    """A connection to a running agent."""

    def __init__(self, report: AgentReport, request: Request) -> None:
        """Connect to the agent of ``report`` and ask for what ``request`` says.

        Raises:
            UnknownAssetError: the agent does not watch the asset.
            NotRunningError: it has no socket, or does not answer, or this user may not ask.
        """
        names = [asset.name for asset in report.assets]
        if request.asset is not None and request.asset not in names:
            raise UnknownAssetError(f"no asset {request.asset}; there are {', '.join(names)}")
        if report.socket is None:
            raise NotRunningError("the agent has no local socket: see the start of its log")
        try:
            self._socket = connected(Path(report.socket))
            self._socket.sendall(msgspec.json.encode(request) + b"\n")
        except OSError as error:
            reason = error.strerror or str(error)
            allowed = "; allowed: root and the user that the agent runs as"
            raise NotRunningError(
                f"{report.socket}: {reason}{allowed if isinstance(error, PermissionError) else ''}"
            ) from error
        self._heard = bytearray()
        self._decoder = msgspec.json.Decoder(Said)

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def said(self, until_s: Callable[[], float]) -> Iterator[tuple[Said, bytes] | None]:
        """Yield what the agent says, with the samples of a block; None whenever it says nothing.

        Args:
            until_s: seconds to wait at most before the next None; 0 or less ends.

        Raises:
            AgentLeftError: it hung up, or refused, for the reason in the message.
        """
        while (left_s := until_s()) > 0.0:
            whole = self._next()
            if whole is not None:
                if isinstance(whole[0], Refused):
                    raise AgentLeftError(whole[0].reason)
                yield whole
                continue
            self._socket.settimeout(left_s)
            try:
                came = self._socket.recv(_READ_BYTES)
            except TimeoutError:
                yield None
                continue
            except OSError:
                came = b""
            if not came:
                raise AgentLeftError("the agent has ended, or lets nobody else look in")
            self._heard += came

    def _next(self) -> tuple[Said, bytes] | None:
        end = self._heard.find(b"\n")
        if end < 0:
            return None
        said = self._decoder.decode(self._heard[:end])
        size = 0
        if isinstance(said, BlockSeen):
            size = said.length * len(said.channels) * _FLOAT_BYTES
        if len(self._heard) < end + 1 + size:
            return None
        samples = bytes(self._heard[end + 1 : end + 1 + size])
        del self._heard[: end + 1 + size]
        return said, samples


class NoAnswerError(Exception):
    """The agent has taken a command, but did not answer in time; it may still be done."""


def ask(report: AgentReport, command: AnyCommand, timeout_s: float) -> Answer:
    """Have the agent of ``report`` do ``command``, and return its answer.

    Raises:
        NotRunningError: as LocalClient.
        AgentLeftError: it ended, or does not know such a command.
        NoAnswerError: there was none within ``timeout_s``.
    """
    client = LocalClient(report, Request(want="command", command=command))
    try:
        for said in client.said(clock_of(timeout_s, timeout_s)):
            if said is not None and isinstance(said[0], Answered):
                return said[0].answer
    finally:
        client.close()
    raise NoAnswerError(f"no answer within {timeout_s:g} s; asked again, it may be done by then")


def connected(path: Path) -> socket.socket:
    """Return a socket connected to ``path``, however long that is. Raises OSError."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connection.settimeout(_CONNECT_TIMEOUT_S)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


def clock_of(seconds: float | None, at_most_s: float) -> Callable[[], float]:
    """Return what says how long to wait now: until ``seconds`` from now are over, in steps.

    Args:
        seconds: None: for ever.
        at_most_s: longest step.
    """
    if seconds is None:
        return lambda: at_most_s
    end_s = time.monotonic() + seconds
    return lambda: min(at_most_s, end_s - time.monotonic())
