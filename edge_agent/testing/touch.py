"""Notice when code touches files, sockets or processes, by the interpreter's audit events."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_WATCHED = frozenset(
    {
        "open",
        "os.listdir",
        "os.scandir",
        "fcntl.ioctl",
        "socket.__new__",
        "socket.getaddrinfo",
        "subprocess.Popen",
    }
)
_watching = threading.local()
_hooked = threading.Lock()
_installed: list[bool] = []


@contextmanager
def touches() -> Iterator[list[str]]:
    """Collect what this thread touches inside the block; imports do not count."""
    _install()
    seen: list[str] = []
    _watching.seen = seen
    try:
        yield seen
    finally:
        _watching.seen = None


def _install() -> None:
    # An audit hook cannot be removed, so there is one, and it is idle unless someone watches.
    with _hooked:
        if not _installed:
            sys.addaudithook(_notice)
            _installed.append(True)


def _notice(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _WATCHED:
        return
    seen: list[str] | None = getattr(_watching, "seen", None)
    if seen is not None and not _importing(sys._getframe()):  # noqa: SLF001 - no public way
        seen.append(f"{event} {arguments[0] if arguments else ''}".strip())


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
