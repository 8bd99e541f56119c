"""What commands print."""

import click
import msgspec


def print_json(value: object) -> None:
    """Print what msgspec can encode, indented."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
