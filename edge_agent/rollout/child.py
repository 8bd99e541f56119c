"""Being a process that works beside the scoring: it makes way, and ends with the agent."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

_NICER = 10
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

Order = TypeVar("Order", bound=msgspec.Struct)


def do_order(kind: type[Order], work: Callable[[Order], msgspec.Struct]) -> None:
    """Be that process: do the order on standard input."""
    begin_child(int(sys.argv[1]))
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=kind)
    sys.stdout.buffer.write(msgspec.json.encode(work(order)))


def begin_child(parent: int) -> None:
    """Make way for the scoring of process ``parent``, and be killed when that ends."""
    end_with(parent)
    with contextlib.suppress(PermissionError):  # a sandbox may forbid even this: then as it is
        os.nice(_NICER)
    with contextlib.suppress(OSError):  # where memory runs short, this process goes before others
        Path("/proc/self/oom_score_adj").write_text("1000")


def end_with(parent: int) -> None:
    """Be killed when the agent ends in whatever way, even where a plugin holds the interpreter."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before it could be agreed
        os._exit(0)
