"""One process for all that needs TensorFlow.

TensorFlow and tflite-runtime cannot live in one process: they share symbols, and loading a model
then fails. So the process that calibrates and evaluates with the gateway's interpreter never
imports TensorFlow, and a gigabyte of it is gone when the work is done. The converter may crash:
then that process is gone, and nothing else.
"""

import contextlib
import importlib
import multiprocessing
import os
import signal
import tempfile
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

_LAST_LINES = 5

_Kind = Literal["told", "done", "refused"]


class ProcessError(Exception):
    """The process did not end well; the message says how it ended and what it said last."""


class TensorFlowProcess:
    """Calls functions of this distribution in a process of its own, one after the other.

    A context manager; the process lives as long, so that TensorFlow is imported once.
    """

    def __init__(self) -> None:
        """Start the process."""
        context = multiprocessing.get_context("spawn")
        self._folder = tempfile.TemporaryDirectory(prefix="edge-trainer-")
        self._said = Path(self._folder.name) / "said"
        self._here, there = context.Pipe()
        self._child = context.Process(target=_serve, args=(there, str(self._said)), daemon=True)
        self._child.start()
        there.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process, whatever it does."""
        self._child.terminate()
        self._child.join()
        self._here.close()
        self._folder.cleanup()

    def call(
        self,
        function: str,
        *arguments: object,
        refused: type[Exception],
        report: Callable[..., None] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Return what a function returns.

        Args:
            function: module and name, as ``trainer.fit.fit:fit_network``: importing the module
                may import TensorFlow, so nobody else does.
            *arguments: of the function.
            refused: what it may raise; raised here too.
            report: called with what the function calls its last argument with.
            timeout_s: longest wait for a word of the process.

        Raises:
            ProcessError: it raised something else, was killed, or took too long.
        """
        try:
            self._here.send((function, arguments, refused, report is not None))
            while self._here.poll(timeout_s):
                kind, value = self._here.recv()
                if kind == "done":
                    return value
                if kind == "refused":
                    raise value
                if report is not None:
                    report(*value)
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            self._child.join()
            raise ProcessError(f"{ending(self._child.exitcode)}{self._last_words()}") from error
        raise ProcessError(f"took longer than {timeout_s:g} s and was ended")

    def _last_words(self) -> str:
        said = self._said.read_text("utf-8", errors="replace") if self._said.exists() else ""
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        return f"; it said last: {' | '.join(lines[-_LAST_LINES:])}" if lines else ""


def ending(exit_code: int | None) -> str:
    """Say how a process ended."""
    if exit_code is None or exit_code >= 0:
        return f"ended with code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:  # real-time signals have none
        return f"was killed by signal {-exit_code}"


def _serve(out: Connection, said: str) -> None:
    # Ctrl-C reaches the whole group: the parent ends this process, which has nothing to say
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # the converter writes notes past Python, of use only where it fails
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # nothing is computed that a graphics card would help with
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    warnings.simplefilter("ignore")  # the libraries warn of their own age

    def send(kind: _Kind, value: object) -> None:
        out.send((kind, value))

    with contextlib.suppress(EOFError):
        while True:
            function, arguments, refused, reports = out.recv()
            module, _, name = function.partition(":")
            if reports:
                arguments = (*arguments, lambda *values: send("told", values))
            try:
                send("done", getattr(importlib.import_module(module), name)(*arguments))
            except refused as error:
                send("refused", error)
