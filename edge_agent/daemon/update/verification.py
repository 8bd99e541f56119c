"""The process that fetches and verifies what is wanted, and the thread that listens to it."""

import contextlib
import logging
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

import msgspec

from edge_agent.rollout.child import child_command
from edge_agent.rollout.install.orders import Outcome, Prepare, Said

if TYPE_CHECKING:
    from subprocess import Popen

_log = logging.getLogger(__name__)

MODULE = "edge_agent.rollout.install.prepare"
_LINE_BYTES_MAX = 1 << 20
_GRACE_S = 30.0  # beyond its own deadline
_SAID: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


class Verification:
    """One attempt; what it says can be taken one by one."""

    def __init__(self, order: Prepare, wake: Callable[[], None], module: str = MODULE) -> None:
        """Begin; ``wake`` is called whenever something was said.

        Args:
            order: what is to be verified.
            wake: makes the scoring thread look.
            module: run as a process.
        """
        self.order = order
        self._wake = wake
        self._module = module
        self._said: deque[Said] = deque()
        self._process: Popen[bytes] | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="update", daemon=True)
        self._thread.start()

    def take(self) -> Said | None:
        """Return the next that was said; None where there is nothing yet."""
        return self._said.popleft() if self._said else None

    def stop(self) -> None:
        """End it, whatever it is doing; nothing more is said."""
        self._stopping = True
        if self._process is not None:
            self._process.kill()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            with tempfile.TemporaryFile() as errors:
                ended = self._listen(errors)
        except OSError as error:
            ended = f"cannot be started: {error.strerror or error}"
        if ended is not None:
            self._say(Outcome(state="failed", reason=f"verification {ended}", again=True))

    def _listen(self, errors: IO[bytes]) -> str | None:
        """Run the process; return how it ended, None where it had an outcome. Raises OSError."""
        import subprocess  # only where there is something to verify

        with subprocess.Popen(  # noqa: S603 - this interpreter and the agent's own module
            child_command(self._module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process:
            self._process = process
            if self._stopping:
                process.kill()
            limit = threading.Timer(self.order.timeout_s + _GRACE_S, process.kill)
            limit.start()
            try:
                has_ended = self._hear(process)
            finally:
                limit.cancel()
                process.kill()
        if has_ended:
            return None
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - _LINE_BYTES_MAX))
        lines = errors.read().decode(errors="replace").strip().splitlines() or ["nothing"]
        return f"ended with {process.returncode}: {lines[-1]}"

    def _hear(self, process: "Popen[bytes]") -> bool:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError), process.stdin as order:
            order.write(msgspec.json.encode(self.order))
        while line := process.stdout.readline(_LINE_BYTES_MAX):
            try:
                said = _SAID.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                _log.warning("update: the verification said %r", line[:200])
                continue
            self._say(said)
            if isinstance(said, Outcome):
                return True
        return False

    def _say(self, said: Said) -> None:
        if not self._stopping:
            self._said.append(said)
            self._wake()
