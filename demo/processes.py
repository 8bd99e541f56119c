"""Processes that the demonstration starts, and ends again whatever happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from demo.failure import DemoError

_PATIENCE_S = 5.0


def command(name: str) -> str:
    """Return the path of a command that was installed with this interpreter.

    Raises:
        DemoError: it was not.
    """
    path = Path(sys.executable).with_name(name)
    if not path.is_file():
        raise DemoError(f"the command {name} is not in {path.parent}: run make setup")
    return str(path)


@contextmanager
def running(arguments: Sequence[str], output: IO[bytes] | int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command with its output going to ``output``; end it, and its children, at the end.

    It gets a session of its own: a Ctrl-C reaches the demonstration alone, which then ends its
    parts in order.

    Raises:
        DemoError: it cannot be started.
    """
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise DemoError(f"{arguments[0]} cannot be started: {error.strerror}") from error
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    # The group is the session of our own making: nobody else is in it.
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        _kill(process)
    except KeyboardInterrupt:
        _kill(process)
        raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def ending(process: subprocess.Popen[bytes], name: str, log: Path) -> DemoError:
    """Say how a process ended that should not have, with the last thing it wrote."""
    code = process.returncode
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return DemoError(f"{name} {how}: {lines[-1].strip() if lines else 'no word'} (all in {log})")
