"""Run a module in a process of its own, because what it calls may crash."""

import os
import subprocess
import sys
from collections.abc import Sequence

from trainer.tensorflow_process import ending

_LAST_LINES = 5


class ChildError(Exception):
    """The process did not end well; the message says how it ended and what it said last."""


def run_child(arguments: Sequence[str], timeout_s: float) -> None:
    """Run ``python arguments...`` with the modules this process sees.

    Raises:
        ChildError: a signal killed it, it returned another code than 0, or it took too long.
    """
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109 - a string
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    environment.setdefault("OMP_NUM_THREADS", "1")
    # nothing is computed that a graphics card would help with
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    # the child's libraries warn of their own age
    command = [sys.executable, "-W", "ignore", *arguments]
    try:
        ended = subprocess.run(  # noqa: S603 - this interpreter, modules of this distribution
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"took longer than {timeout_s:g} s and was ended") from error
    if ended.returncode == 0:
        return
    said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    raise ChildError(
        f"{ending(ended.returncode)}; it said last: {' | '.join(said[-_LAST_LINES:]) or 'nothing'}"
    )
