"""What came of it, as a table for people."""

import textwrap
from collections.abc import Sequence

from benchmarks.torture.scenario import Check

_HEAD = ("scenario", "asked", "measured", "")
_WIDTHS = (24, 44, 60)
_WORDS = {None: "not run", True: "passed", False: "FAILED"}


def table(checks: Sequence[Check]) -> str:
    """Return one row for each check, long cells wrapped."""
    lines = [_line(_HEAD), _line(tuple("-" * width for width in (*_WIDTHS, len("not run"))))]
    for check in checks:
        cells = (check.name, check.asked, check.measured)
        wrapped = [
            textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, _WIDTHS, strict=True)
        ]
        for row in range(max(map(len, wrapped))):
            parts = tuple(cell[row] if row < len(cell) else "" for cell in wrapped)
            lines.append(_line((*parts, _WORDS[check.passed] if row == 0 else "")))
    failed = sum(check.passed is False for check in checks)
    missing = sum(check.passed is None for check in checks)
    lines.append(f"{len(checks)} checks, {failed} failed, {missing} not run")
    return "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False)]
    return "  ".join((*padded, cells[-1])).rstrip()
