"""``edge-agent record``."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json
from edge_agent.cli.running import report_of_running

if TYPE_CHECKING:
    from edge_agent.daemon.local.record import Recorded


def record_command(
    config: Path, asset: str, out: Path, seconds: float, max_mb: int, *, as_json: bool
) -> int:
    """Record an asset of the running agent; return the exit code."""
    from edge_agent.daemon.local.client import UnknownAssetError
    from edge_agent.daemon.local.record import RecordError, record_asset
    from edge_agent.daemon.status import NotRunningError
    from edge_agent.recordings import RecordingError

    if out.suffix.lower() != ".npz":
        print_error(f"--out: found {out}; allowed: a name that ends in .npz")
        return exit_codes.USAGE
    report = report_of_running(config)
    if isinstance(report, int):
        return report
    try:
        with _progress(seconds) as progress:
            recorded = record_asset(report, asset, out, seconds, max_mb * 1_000_000, progress)
    except (UnknownAssetError, NotRunningError, RecordError, RecordingError) as error:
        print_error(str(error))
        is_usage = isinstance(error, UnknownAssetError)
        return exit_codes.USAGE if is_usage else exit_codes.UNAVAILABLE
    except OSError as error:
        print_error(f"{out}: cannot be written: {error.strerror}")
        return exit_codes.UNAVAILABLE
    if as_json:
        print_json(recorded)
    else:
        _print(recorded)
    return exit_codes.OK


def _print(recorded: "Recorded") -> None:
    what = "samples" if recorded.bursts is None else f"samples in {recorded.bursts} bursts"
    click.echo(
        f"{recorded.file}: {recorded.samples} {what} of {', '.join(recorded.channels)},"
        f" {recorded.rate_hz:g} Hz, unit {recorded.unit or 'unknown'}; gaps: {recorded.gaps};"
        f" ended after {recorded.seconds:.1f} s: {recorded.ended}"
    )
    if recorded.left_out:
        click.echo(f"left out: {recorded.left_out} blocks that could not be kept", err=True)


@contextlib.contextmanager
def _progress(seconds: float) -> Iterator[Callable[[float, int], None]]:
    """Yield what draws a line of progress on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _seconds, _bytes: None
        return

    def draw(done_s: float, done_bytes: int) -> None:
        line = f"\r{done_s:.0f} of {seconds:.0f} s, {done_bytes / 1e6:.1f} MB "
        click.echo(line, nl=False, err=True)

    try:
        yield draw
    finally:
        click.echo("\r" + " " * 60 + "\r", nl=False, err=True)
