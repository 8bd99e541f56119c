"""How results and errors are printed."""

from collections.abc import Sequence

import click
import msgspec


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
    """Print columns as wide as what is in them; the last one runs free."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
