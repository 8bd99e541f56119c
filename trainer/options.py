"""Options that several commands take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class HealthyRange(click.ParamType[tuple[int, int]]):
    """A:B, windows counted from 0, half open."""

    name = "A:B"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, int]:
        """Return (A, B)."""
        if isinstance(value, tuple):
            return value
        first, colon, last = str(value).partition(":")
        if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
            self.fail(f"{value!r} found, allowed: A:B with whole numbers and A below B", param, ctx)
        return int(first), int(last)


def recording_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what a recording's format may not say."""
    for option in (
        click.option(
            "--decimate",
            type=click.IntRange(1, 1000),
            default=1,
            show_default=True,
            help="Keep every n-th sample after an anti-aliasing filter.",
        ),
        click.option("--unit", help="Unit of the samples, such as g or m/s2."),
        click.option("--hop", type=click.IntRange(1), help="Samples from window to window."),
        click.option("--window", type=click.IntRange(1), help="Samples per window."),
        click.option(
            "--rate-hz",
            type=click.FloatRange(min=0, min_open=True),
            help="Samples per second and channel.",
        ),
        click.option(
            "--channels",
            multiple=True,
            metavar="NAME",
            help="Channel to take, by name or number; repeatable. All by default.",
        ),
        click.option(
            "--data",
            type=click.Path(path_type=Path),
            required=True,
            help="Recording: a file or a folder.",
        ),
        click.option(
            "--recipe",
            "recipe_name",
            default="default",
            show_default=True,
            help="Name of a recipe, or a recipe file.",
        ),
    ):
        command = option(command)
    return command
