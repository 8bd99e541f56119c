"""``edge-agent tap``."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error
from edge_agent.cli.running import report_of_running
from edge_agent.cli.tap_screen import TapScreen, line_of

if TYPE_CHECKING:
    from edge_agent.daemon.local.messages import Said

_DRAW_S = 0.1
_CLOCK_S = 1.0
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # the other screen, no cursor
_HOME, _EMPTY_LINE, _TO_END = "\x1b[H", "\x1b[2K", "\x1b[J"


def tap_command(config: Path, asset: str | None, seconds: float | None, *, as_json: bool) -> int:
    """Show what the running agent finds until interrupted; return the exit code."""
    from edge_agent.daemon.local.client import (
        AgentLeftError,
        LocalClient,
        UnknownAssetError,
        clock_of,
    )
    from edge_agent.daemon.local.messages import Request
    from edge_agent.daemon.status import NotRunningError

    report = report_of_running(config)
    if isinstance(report, int):
        return report
    try:
        client = LocalClient(report, Request(want="windows", asset=asset))
    except UnknownAssetError as error:
        print_error(str(error))
        return exit_codes.USAGE
    except NotRunningError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    step_s = _DRAW_S if _on_screen(as_json=as_json) else _CLOCK_S
    came = (said and said[0] for said in client.said(clock_of(seconds, step_s)))
    try:
        if _on_screen(as_json=as_json):
            _show(report.gateway, came)
        else:
            _print(came, as_json=as_json)
    except AgentLeftError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    except KeyboardInterrupt:
        return exit_codes.OK  # the way to end it
    finally:
        client.close()
    return exit_codes.OK


def _on_screen(*, as_json: bool) -> bool:
    return not as_json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _print(came: "Iterator[Said | None]", *, as_json: bool) -> None:
    for said in came:
        if said is not None:
            click.echo(msgspec.json.encode(said).decode() if as_json else line_of(said))


def _show(gateway: str, came: "Iterator[Said | None]") -> None:
    screen = TapScreen(gateway, colours="NO_COLOR" not in os.environ)
    due_s = 0.0
    sys.stdout.write(_ENTER)
    try:
        for said in came:
            if said is not None:
                screen.note(said)
            now_s = time.monotonic()
            if now_s >= due_s:
                due_s = now_s + _DRAW_S
                width, height = shutil.get_terminal_size()
                lines = screen.lines(width, height, time.gmtime())
                drawn = "\n".join(f"{_EMPTY_LINE}{line}" for line in lines)
                sys.stdout.write(_HOME + drawn + _TO_END)
                sys.stdout.flush()
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
