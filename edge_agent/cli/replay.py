"""``edge-agent replay``."""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click

from edge_agent.bundle import BundleError, BundleUnavailableError, LoadedBundle
from edge_agent.bundle.replay import ReplayError, Seen, Summary, replay_file
from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json
from edge_agent.pipeline.runtime import RuntimeMissingError
from edge_agent.recordings import ExtraMissingError, RecordingError, RecordingOptions

_SHOW_AFTER_S = 2.0
_SHOW_EVERY_S = 0.2


def replay_command(  # noqa: PLR0913 - one for each option
    bundle: Path,
    recording: Path,
    overlay: Path | None,
    jsonl: Path | None,
    snapshots: Path | None,
    options: RecordingOptions,
    window: int | None,
    hop: int | None,
    *,
    as_json: bool,
) -> int:
    """Replay a recording; return the exit code."""
    read = [path for path in (bundle, recording, overlay) if path is not None]
    if jsonl is not None and any(_is_same(jsonl, path) for path in read):
        print_error(f"--jsonl is {jsonl}, which is to be read, allowed: another file")
        return exit_codes.USAGE
    watch = None if snapshots is None else partial(_watch, _asset_of(recording), snapshots)
    try:
        with _rows_to(jsonl) as write, _progress() as progress:
            summary = replay_file(
                bundle,
                recording,
                options,
                write,
                overlay_path=overlay,
                window=window,
                hop=hop,
                progress=progress,
                watch=watch,
            )
    except (RuntimeMissingError, BundleUnavailableError, ExtraMissingError) as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    except (BundleError, RecordingError, ReplayError) as error:
        print_error(str(error))
        return exit_codes.BAD_DATA
    except BrokenPipeError:
        raise
    except OSError as error:
        print_error(f"{error.filename or jsonl}: cannot be written: {error.strerror}")
        return exit_codes.UNAVAILABLE
    rows_are_printed = str(jsonl) == "-"  # then they have standard output to themselves
    if as_json:
        print_json(summary, err=rows_are_printed)
    else:
        click.echo(_sentence(summary), err=rows_are_printed)
    return exit_codes.OK


def _watch(asset: str, folder: Path, bundle: LoadedBundle) -> Seen:
    """Have the anomalies of a recording pictured in ``folder``."""
    from edge_agent.daemon.replayed import Replayed

    return Replayed(bundle, asset, folder).see


def _asset_of(recording: Path) -> str:
    """Return the recording's name as one of an asset."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", recording.resolve().stem)[:64] or "recording"


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them is not there


@contextlib.contextmanager
def _rows_to(path: Path | None) -> Iterator[Callable[[bytes], object]]:
    """Yield what takes the rows: nothing, standard output, or a file."""
    if path is None:
        yield lambda _rows: None
    elif str(path) == "-":
        out: BinaryIO = sys.stdout.buffer
        yield out.write
        out.flush()
    else:
        with path.open("wb") as file:
            yield file.write


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int | None], None]]:
    """Yield what draws a line of progress on a terminal once it takes long."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    due_s = time.monotonic() + _SHOW_AFTER_S
    drawn = False

    def draw(done: int, total: int | None) -> None:
        nonlocal due_s, drawn
        now_s = time.monotonic()
        if now_s < due_s:
            return
        due_s, drawn = now_s + _SHOW_EVERY_S, True
        share = "" if not total else f" of {total} ({min(done / total, 1.0):.0%})"
        click.echo(f"\r{done} windows{share} ", nl=False, err=True)

    try:
        yield draw
    finally:
        if drawn:
            click.echo("\r" + " " * 60 + "\r", nl=False, err=True)


def _sentence(summary: Summary) -> str:
    reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(summary.not_scored.items()))
    first = ""
    if summary.first_alarm_index is not None:
        first = f", the first in window {summary.first_alarm_index} ({summary.first_alarm_time})"
    highest = "none" if summary.highest is None else f"{summary.highest:.3g}"
    return (
        f"{summary.recording}: {summary.windows} windows by {summary.bundle}"
        f" in {summary.seconds:g} s, {summary.scored} scored"
        f"{f' ({reasons})' if reasons else ''};"
        f" {summary.alarms} alarms{first}; highest score / threshold {highest}"
    )
