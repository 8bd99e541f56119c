"""One client of the local socket: what it asked for, and what it has not read yet."""

import contextlib
import socket
import struct
from collections import deque

import msgspec

from edge_agent.daemon.local.messages import (
    REQUEST_BYTES_MAX,
    BlockSeen,
    Request,
    Said,
    WindowSeen,
    WindowsLost,
)
from edge_agent.plugin import Block

HELD_BYTES_MAX = 8 << 20
_CREDENTIALS = struct.Struct("3i")  # struct ucred of socket(7): process, user, group


class ViewerGone(Exception):  # noqa: N818 - no error: it hung up, or never said what it wants
    """The connection has ended or must end."""


class Viewer:
    """A connection that is never waited for."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over ``connection``."""
        connection.settimeout(0.0)
        self.connection = connection
        self.request: Request | None = None
        self._heard = b""
        self._unread: deque[memoryview] = deque()
        self._held_bytes = 0
        self._windows_lost = 0
        self._gap = False
        self._ending = False

    @property
    def wants_to_write(self) -> bool:
        """There is something to write."""
        return bool(self._unread)

    def hear(self) -> Request | None:
        """Read; return the request once it is complete.

        Raises:
            ViewerGone: the client hung up, or says something else.
        """
        try:
            came = self.connection.recv(REQUEST_BYTES_MAX)
        except BlockingIOError:
            return None
        except OSError:
            came = b""
        if not came:
            raise ViewerGone
        self._heard += came
        line, complete, rest = self._heard.partition(b"\n")
        if self.request is not None or rest or len(self._heard) > REQUEST_BYTES_MAX:
            raise ViewerGone
        if complete:
            try:
                self.request = msgspec.json.decode(line, type=Request)
            except msgspec.MsgspecError:
                raise ViewerGone from None
        return self.request

    def say(self, said: Said) -> None:
        """Send soon; a window is left out, and counted, where the client is too slow."""
        if self._held_bytes > HELD_BYTES_MAX and isinstance(said, WindowSeen):
            self._windows_lost += 1
            return
        if self._windows_lost:
            lost, self._windows_lost = self._windows_lost, 0
            self._put(msgspec.json.encode(WindowsLost(windows=lost)) + b"\n")
        self._put(msgspec.json.encode(said) + b"\n")

    def show(self, block: Block, period_s: float | None) -> None:
        """Send a block soon; what follows one that was left out has a gap before it."""
        if self._held_bytes > HELD_BYTES_MAX:
            self._gap = True
            return
        head = BlockSeen(
            start_ns=block.start_ns,
            utc_offset_ns=block.utc_offset_ns,
            rate_hz=block.rate_hz,
            unit=block.unit,
            channels=block.channels,
            length=len(block.samples),
            period_s=period_s,
            gap_before=block.gap_before or self._gap,
        )
        self._gap = False
        self._put(msgspec.json.encode(head) + b"\n")
        self._put(block.samples.tobytes())

    def end(self) -> None:
        """Hang up once all is written."""
        self._ending = True

    def write(self) -> None:
        """Write what the socket takes now. Raises ViewerGone."""
        with contextlib.suppress(BlockingIOError):
            while self._unread:
                try:
                    n = self.connection.send(self._unread[0])
                except BlockingIOError:
                    raise
                except OSError:
                    raise ViewerGone from None
                self._held_bytes -= n
                if n < len(self._unread[0]):
                    self._unread[0] = self._unread[0][n:]
                else:
                    self._unread.popleft()
        if self._ending and not self._unread:
            raise ViewerGone

    def _put(self, data: bytes) -> None:
        if data:
            self._unread.append(memoryview(data))
            self._held_bytes += len(data)


def user_of(connection: socket.socket) -> int:
    """Return the user id of the process at the other end, as the kernel knows it."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])
