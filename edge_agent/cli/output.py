"""How results and errors are printed."""

import shutil
from collections.abc import Sequence

import click
import msgspec

_BETWEEN = "  "
_NARROWEST = 5  # columns of a table's
_WIDE = (120, 24)  # columns and lines of what is no terminal


def printable(text: str) -> str:
    """Return ``text`` without what a terminal acts on: gateways and brokers may have written it."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def print_json(result: object, *, err: bool = False) -> None:
    """Print a struct or plain values as indented JSON, to standard error where ``err`` is set."""
    click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode(), err=err)


def print_error(message: str) -> None:
    """Print one line to standard error."""
    context = click.get_current_context(silent=True)
    program = context.find_root().info_name if context is not None else None
    click.echo(f"{program or 'edge-agent'}: {printable(message)}", err=True)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as what is in them."""
    for line in table_lines(head, rows):
        click.echo(line)


def table_lines(
    head: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None = None
) -> list[str]:
    """Return the lines of a table.

    Args:
        head: their titles.
        rows: below.
        columns: of the terminal: what is too wide is cut, the widest first, and last of all what
            stands first and names the row; None: nothing is.
    """
    rows = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    if columns is not None:
        room = columns - len(_BETWEEN) * (len(head) - 1)
        widths[1:] = _narrowed(widths[1:], room - widths[0])
    cut_rows = [
        [cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
        for row in (head, *rows)
    ]
    lines = [_BETWEEN.join(cells).rstrip() for cells in cut_rows]
    return lines if columns is None else [cut(line, columns) for line in lines]


def cut(text: str, columns: int) -> str:
    """Return what of ``text`` has room, and a sign where that is not all."""
    return text if len(text) <= columns else f"{text[: columns - 1]}\N{HORIZONTAL ELLIPSIS}"


def terminal_columns() -> int:
    """Return how wide the terminal is, or a wide one where there is none."""
    return shutil.get_terminal_size(_WIDE).columns


def _narrowed(widths: list[int], room: int) -> list[int]:
    """Take from the widest until all have room, or none has any to give."""
    widths = list(widths)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths
