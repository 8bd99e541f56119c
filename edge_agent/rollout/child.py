"""Being a process that works beside the scoring: it makes way, and ends with the agent.

``python -m edge_agent.rollout.child MODULE PARENT`` becomes such a process and then runs MODULE:
importing what a module needs is a second of hard work, for which it has to make way as well.
"""

import contextlib
import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

_MODULE = "edge_agent.rollout.child"
_NICER = 10
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

Order = TypeVar("Order", bound=msgspec.Struct)


def child_command(module: str) -> list[str]:
    """Return the command that runs ``module`` as a child of this process.

    With -P, as in a folder that anybody may write to nothing must be imported from there.
    """
    return [sys.executable, "-P", "-m", _MODULE, module, str(os.getpid())]


def do_order(kind: type[Order], work: Callable[[Order], msgspec.Struct]) -> None:
    """Do the order on standard input."""
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


def main() -> None:
    """Become a child, then be the module."""
    module, parent = sys.argv[1:]
    begin_child(int(parent))
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
