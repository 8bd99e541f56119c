"""Trains with the command ``edge-trainer train``, as its user would."""

import os
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from demo.failure import DemoError
from demo.processes import command, ending, running
from demo.screen import Screen
from demo.story import Story
from edge_agent.bundle import SUFFIX, Bundle, BundleError

_PROGRESS = ("features:", "epoch ", "converting", "checking", "evaluating")
_TICK_S = 0.5


@dataclass(frozen=True, slots=True)
class Trained:
    """A bundle as it came out of the training."""

    path: Path
    bundle: Bundle
    report: Path
    took_s: float


def train(story: Story, name: str, folder: Path, screen: Screen) -> Trained:
    """Train the default recipe on the healthy part of ``story``.

    Args:
        story: holds what to train on.
        name: of the bundle.
        folder: where the bundle, its report and the log go.
        screen: shows the progress.

    Raises:
        DemoError: the command fails.
    """
    began_s = time.monotonic()
    path, report, log = folder / f"{name}{SUFFIX}", folder / "report.html", folder / "training.log"
    first, last = story.healthy
    arguments = [command("edge-trainer"), "train", "--recipe", "default"]
    arguments += ["--data", str(story.recording), "--healthy", f"{first}:{last}"]
    arguments += ["--out", str(path), "--report", str(report)]
    # The command shows its progress on a terminal only, so it is given one.
    ours, its = os.openpty()
    try:
        with running(arguments, its) as process:
            os.close(its)
            _follow(process, ours, log, screen)
            if process.wait() != 0:
                raise ending(process, "edge-trainer", log)
    finally:
        os.close(ours)
    try:
        return Trained(path, Bundle.read(path), report, time.monotonic() - began_s)
    except BundleError as error:
        raise DemoError(str(error)) from error


def _follow(process: subprocess.Popen[bytes], terminal: int, log: Path, screen: Screen) -> None:
    """Show progress and keep the rest in ``log``, until the command has ended."""
    began_s = time.monotonic()
    shown, unfinished = "starting", b""
    with log.open("w", encoding="utf-8") as kept:
        while True:
            has_ended = process.poll() is not None
            said = _read(terminal, 0.0 if has_ended else _TICK_S)
            if has_ended and not said:
                return
            *lines, unfinished = (unfinished + said).replace(b"\r", b"\n").split(b"\n")
            for line in (raw.decode(errors="replace").strip() for raw in lines):
                if line.startswith(_PROGRESS):
                    shown = line
                elif line:
                    print(line, file=kept, flush=True)
            current = unfinished.decode(errors="replace")
            if current.startswith(_PROGRESS):
                shown = current
            # A library's own words may follow on the same line, after the command's spaces.
            shown = shown.strip().partition("   ")[0]
            screen.progress(f"{'':<11}{time.monotonic() - began_s:.0f} s: {shown}")


def _read(terminal: int, timeout_s: float) -> bytes:
    if not select.select([terminal], [], [], timeout_s)[0]:
        return b""
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that nobody holds the other end any more
        time.sleep(min(timeout_s, 0.05))
        return b""
