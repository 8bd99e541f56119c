"""Runs a program's commands, and ends it with their exit code."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TypeVar

import click

from edge_agent.cli import exit_codes

Command = TypeVar("Command", bound=Callable[..., object])

# One window is too small to be worth a thread, and each thread of the matrix library takes memory
# of its own. Read when numpy is imported, which no command does before it is called.
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def print_version(name: str) -> Callable[[Command], Command]:
    """Return the option ``--version`` of a program called ``name``."""

    def show(context: click.Context, _option: click.Parameter, value: object) -> None:
        if value:
            click.echo(f"{name} {version('edge-agent')}")
            context.exit()

    return click.option(
        "--version",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Print the version.",
    )


def run_program(commands: click.Group, name: str, arguments: Sequence[str] | None) -> None:
    """Run one command and exit with its code.

    Args:
        commands: of the program.
        name: of the program.
        arguments: those of the process by default.
    """
    for variable in _ONE_THREAD:
        os.environ.setdefault(variable, "1")
    try:
        code = commands.main(arguments, prog_name=name, standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = exit_codes.USAGE
    except click.ClickException as error:
        error.show()
        code = exit_codes.UNAVAILABLE
    except (click.Abort, KeyboardInterrupt):
        code = exit_codes.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = exit_codes.OK
    sys.exit(code)
