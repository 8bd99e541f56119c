"""``edge-trainer``: a command parses, calls one use case and shows what came of it."""

from trainer.cli.commands import cli, main

__all__ = ["cli", "main"]
