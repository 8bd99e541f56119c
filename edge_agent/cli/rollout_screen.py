"""What the commands draw of a rollout: a line per wave, what fails and why."""

import os
import shutil
import sys
from textwrap import wrap
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msgspec import to_builtins

from edge_agent.cli.output import cut, print_error, printable, terminal_columns

if TYPE_CHECKING:
    from edge_agent.rollout.fleet.copies import WaveCounts
    from edge_agent.rollout.fleet.states import Progress, State

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # the other screen, no cursor
_HOME, _EMPTY_LINE, _TO_END = "\x1b[H", "\x1b[2K", "\x1b[J"
_RED, _GREEN, _BOLD, _PLAIN = "\x1b[31;1m", "\x1b[32m", "\x1b[1m", "\x1b[0m"
_BAR, _BAR_MIN = 20, 5  # columns
_NAMED = 3
_LISTED = 10
_TITLES: "dict[State, str]" = {
    "waiting": "waiting",
    "ordered": "ordered",
    "working": "working",
    "holding": "holding",
    "succeeded": "proved",
    "failed": "failed",
    "timed_out": "late",
    "stopping": "stopping",
    "stopped": "stopped",
    "taking_back": "going back",
    "taken_back": "back",
    "not_taken_back": "not back",
}
_ALWAYS = ("waiting", "ordered", "working", "holding", "succeeded", "failed", "timed_out")
_WRONG = ("failed", "timed_out", "not_taken_back")


class Screen:
    """Shows a rollout as it goes: on a terminal in place, elsewhere a line for each change."""

    def __init__(self, *, on: bool) -> None:
        """Show anything only where it is ``on``."""
        self._on = on
        self._in_place = on and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = "NO_COLOR" not in os.environ
        self._last = ""

    def __enter__(self) -> Self:
        """Leave what is on the terminal for later."""
        if self._in_place:
            sys.stdout.write(_ENTER)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Bring it back."""
        if self._in_place:
            sys.stdout.write(_LEAVE)
            sys.stdout.flush()

    def show(self, progress: "Progress") -> None:
        """Draw ``progress``."""
        if self._in_place:
            width, height = shutil.get_terminal_size()
            lines = [line[:width] for line in summary_lines(progress, width)[:height]]
            done = progress.succeeded
            painted = [_painted(line, done=done) for line in lines] if self._colours else lines
            drawn = "\n".join(f"{_EMPTY_LINE}{line}" for line in painted)
            sys.stdout.write(_HOME + drawn + _TO_END)
            sys.stdout.flush()
        elif self._on:
            line = short_line(progress)
            if line != self._last:
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
                self._last = line

    def say(self, text: str) -> None:
        """Say what is wrong meanwhile, until it is drawn over."""
        if self._in_place:
            width, height = shutil.get_terminal_size()
            line = f"\x1b[{height};1H{_EMPTY_LINE}{_RED}{printable(text)[:width]}{_PLAIN}"
            sys.stdout.write(line)
            sys.stdout.flush()
        else:
            print_error(f"{text}; trying again")


def short_line(progress: "Progress") -> str:
    """Return one line: the wave under way, and how many gateways are how far."""
    from edge_agent.rollout.fleet.copies import totals

    counted = totals(progress)
    said = ", ".join(f"{counted[s]} {title}" for s, title in _TITLES.items() if s in counted)
    waves = len(progress.plan.waves)
    return f"{progress.status}, wave {progress.wave + 1} of {waves}: {said}"


def summary_lines(progress: "Progress", width: int | None = None) -> list[str]:
    """Return what there is to know: one table, then what is wrong.

    Args:
        progress: of the rollout.
        width: in columns; None: the terminal's.
    """
    from edge_agent.rollout.fleet.copies import counts_of, totals

    width = width or terminal_columns()
    plan, counted = progress.plan, totals(progress)
    total, proved = len(progress.entries), counted.get("succeeded", 0)
    what = ", ".join(f"{m.name}@{m.version} on line {m.line}" for m in plan.models)
    what = what or f"settings {_settings(progress)}"
    why = f": {progress.reason}" if progress.reason else ""
    always = () if progress.ended else _ALWAYS
    states = [s for s in _TITLES if s in always or s in counted]
    waves = counts_of(progress)
    head = ["wave", "gateways", *(_TITLES[s] for s in states)]
    rows = [_row(progress, number, wave, states) for number, wave in enumerate(waves)]
    if len(rows) > 1:
        rows.append(["all", str(total), *(str(counted.get(s, 0)) for s in states)])
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    table = [
        "  ".join(cell.rjust(size) for cell, size in zip(row, widths, strict=True))
        for row in (head, *rows)
    ]
    bar = min(_BAR, width - len(table[0]) - 2)
    if bar >= _BAR_MIN:
        for number, wave in enumerate(waves, 1):
            table[number] += f"  {_bar(wave, bar)}"
    others = [f", {counted[state]} {_TITLES[state]}" for state in _WRONG if state in counted]
    said = (
        f"{plan.rollout}: {progress.status}{why}",
        f"{what}, to {', '.join(plan.to)}",
        f"{proved} of {total} gateways have proved it{''.join(others)}",
    )
    lines = [line for one in said for line in wrap(one, width, subsequent_indent="  ")]
    lines += ["", *(cut(line, width) for line in table), *_wrong(progress, width)]
    return [printable(line) for line in lines]


def _settings(progress: "Progress") -> str:
    """Return what is set, as the command line says it."""
    said = []
    for name, value in to_builtins(progress.plan.settings or {}).items():
        values = value.items() if isinstance(value, dict) else ()
        said += [f"{name}.{asset}={of_asset:g}" for asset, of_asset in values]
        if isinstance(value, bool):
            said.append(f"{name}={str(value).lower()}")
    return " ".join(said) or "as configured"


def _row(progress: "Progress", number: int, wave: "WaveCounts", states: "list[State]") -> list[str]:
    mark = ">" if number == progress.wave and not progress.ended else " "
    cells = [str(wave.states.get(state, 0)) for state in states]
    return [f"{mark}{number + 1}", str(wave.gateways), *cells]


def _bar(wave: "WaveCounts", columns: int) -> str:
    """Return how much of ``wave`` has ended, well or not."""
    ended = sum(wave.states.get(s, 0) for s in ("succeeded", "failed", "timed_out"))
    done = "█" * (ended * columns // wave.gateways)
    return f"{done:░<{columns}}"


def _wrong(progress: "Progress", width: int) -> list[str]:
    """Return why gateways are no further, the most frequent reason first, and who is refused."""
    by_reason: dict[str, list[str]] = {}
    for gateway, entry in progress.entries.items():
        if entry.state in _WRONG:
            by_reason.setdefault(f"{_TITLES[entry.state]}: {entry.reason}", []).append(gateway)
    lines = []
    for reason, gateways in sorted(by_reason.items(), key=lambda item: -len(item[1]))[:_LISTED]:
        more = f" and {len(gateways) - _NAMED} more" if len(gateways) > _NAMED else ""
        said = f"{len(gateways):5}  {reason} ({', '.join(gateways[:_NAMED])}{more})"
        lines += wrap(said, width, subsequent_indent=" " * 7)
    for gateway, refused in list(progress.refused.items())[:_LISTED]:
        said = f"REFUSED  {refused.count} reports of {gateway}: {refused.reason}"
        lines += wrap(said, width, subsequent_indent=" " * 9)
    return ["", *lines] if lines else []


def _painted(line: str, *, done: bool) -> str:
    if line.startswith("REFUSED") or ": aborted" in line or line.endswith(": ended"):
        return f"{_RED}{line}{_PLAIN}"
    if line.startswith(">"):
        return f"{_BOLD}{line}{_PLAIN}"
    return f"{_GREEN}{line}{_PLAIN}" if done and ": completed" in line else line
