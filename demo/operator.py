"""The operator at the terminal: every command is shown, run as it stands, and so is its answer."""

import os
import secrets
import shlex
import subprocess
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.failure import DemoError
from demo.processes import command
from demo.screen import WIDTH, Screen

_PROGRAM = "edge-rollout"
_INDENT = "  "  # of answers
_PATIENCE_S = 1200.0
_NOISE = "INFO: Created TensorFlow Lite"  # the library's own word, which none of ours can stop
_BAR = {"█", "░"}


class Operator:
    """Runs ``edge-rollout`` with a folder and a passphrase of its own."""

    def __init__(self, home: Path, screen: Screen) -> None:
        """Keep keys and models in ``home``; show everything on ``screen``."""
        self._screen = screen
        self._environment = {
            **os.environ,
            "COLUMNS": str(WIDTH - len(_INDENT)),
            "EDGE_ROLLOUT_HOME": str(home),
            "EDGE_ROLLOUT_PASSPHRASE": secrets.token_urlsafe(24),
        }

    def run(self, *arguments: str, code: int = 0) -> None:
        """Run a command to its end.

        Raises:
            DemoError: it ends with another exit code, or not at all.
        """
        with self.running(*arguments, code=code):
            pass

    @contextmanager
    def running(self, *arguments: str, code: int = 0) -> Iterator[None]:
        """Run a command meanwhile; its answer is shown when it has ended. Raises as ``run``."""
        shown = [Path(a).name if Path(a).is_absolute() else a for a in arguments]
        typed = f"$ {_PROGRAM} {shlex.join(shown)}"
        for line in textwrap.wrap(typed, WIDTH, subsequent_indent="      ", break_on_hyphens=False):
            self._screen.line(line)
        process = subprocess.Popen(
            [command(_PROGRAM), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            text=True,
        )
        try:
            yield
            said = self._rest(process)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        for line in said:
            if not line.startswith(_NOISE):
                self._answer(line)
        if process.returncode != code:
            raise DemoError(
                f"{_PROGRAM} {arguments[0]} ended with code {process.returncode}, expected: {code}"
            )
        if code:
            self._screen.line(f"{_INDENT}(exit code {code})")

    def ask(self, *arguments: str) -> str:
        """Return what a command prints, without showing it."""
        ran = subprocess.run(
            [command(_PROGRAM), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self._environment,
            text=True,
            check=False,
        )
        return ran.stdout

    def _answer(self, line: str) -> None:
        """Show a line of an answer, a long one in several; of a table's row what fits."""
        if _BAR & set(line):
            self._screen.line(f"{_INDENT}{line}"[:WIDTH])
            return
        for part in textwrap.wrap(
            line, WIDTH - len(_INDENT), subsequent_indent="    ", break_on_hyphens=False
        ) or [""]:
            self._screen.line(f"{_INDENT}{part}")

    def _rest(self, process: subprocess.Popen[str]) -> list[str]:
        began_s = time.monotonic()
        while True:
            try:
                said, _ = process.communicate(timeout=1.0)
            except subprocess.TimeoutExpired:
                took_s = time.monotonic() - began_s
                self._screen.progress(f"{_INDENT}{took_s:.0f} s")
                if took_s > _PATIENCE_S:
                    raise DemoError(f"{_PROGRAM}: not done in {_PATIENCE_S:g} s") from None
            else:
                return said.splitlines()
