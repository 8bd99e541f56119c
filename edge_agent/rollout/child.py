"""Being a process that works beside the scoring: it makes way, and ends with the agent."""

import contextlib
import ctypes
import os
import signal

_NICER = 10
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def begin_child(parent: int) -> None:
    """Make way for the scoring of process ``parent``, and be killed when that ends."""
    end_with(parent)
    with contextlib.suppress(PermissionError):  # a sandbox may forbid even this: then as it is
        os.nice(_NICER)


def end_with(parent: int) -> None:
    """Be killed when the agent ends in whatever way, even where a plugin holds the interpreter."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before it could be agreed
        os._exit(0)
