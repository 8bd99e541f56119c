"""Listening sockets of the agent's local door, and who comes in by them."""

import errno
import logging
import os
import socket
import time
from pathlib import Path

_log = logging.getLogger(__name__)

BACKLOG = 16
_PAUSE_S = 1.0


def listen_locally(path: Path) -> socket.socket:
    """Return a listening socket at ``path``, for this user alone. Raises OSError.

    Its folder is entered by descriptor: a socket's address holds 107 bytes, a path more.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.unlink(missing_ok=True)  # of an agent that was killed; the state directory is locked
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        path.chmod(0o600)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.close(folder)
    return listener


def accepted(listener: socket.socket) -> socket.socket | None:
    """Return who waits at ``listener``; None where nobody does any more."""
    try:
        return listener.accept()[0]
    except BlockingIOError:  # it went away again
        return None
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
            _log.warning("nobody can look in: %s", error.strerror)
            time.sleep(_PAUSE_S)  # whoever waits would wake this thread at once
        return None
