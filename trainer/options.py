"""Options that several commands take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edge_agent.calibration.rate import parse_rate
from trainer.metrics import DEFAULT_BUFFER


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


class BudgetRate(click.ParamType[float]):
    """Events in a time, such as 1/month; events per month."""

    name = "RATE"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return events per month."""
        if isinstance(value, float):
            return value
        try:
            return parse_rate(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


Command = Callable[..., None]


def format_options(command: Command) -> Command:
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
    ):
        command = option(command)
    return command


def window_options(command: Command) -> Command:
    """Add how windows are cut."""
    for option in (
        click.option("--hop", type=click.IntRange(1), help="Samples from window to window."),
        click.option("--window", type=click.IntRange(1), help="Samples per window."),
    ):
        command = option(command)
    return command


def recording_options(command: Command) -> Command:
    """Add the recording and the recipe that says what becomes of it."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        required=True,
        help="Recording: a file or a folder.",
    )(recipe_options(command))


def recipe_options(command: Command) -> Command:
    """Add the recipe, and how recordings are read and cut."""
    for option in (
        click.option(
            "--context",
            multiple=True,
            metavar="NAME",
            help="Channel or column that tells the regime and is not watched itself, such as a"
            " speed; repeatable. speed, rpm and load beside a vibration are so anyway.",
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
    return format_options(window_options(command))


def known_options(command: Command) -> Command:
    """Add what the user knows of a recording that detectors are judged on."""
    for option in (
        click.option(
            "--buffer",
            type=click.IntRange(0, 10_000),
            default=DEFAULT_BUFFER,
            show_default=True,
            help="Tolerance of VUS in windows: the period of the series where it has one.",
        ),
        click.option(
            "--fpt",
            type=click.IntRange(0),
            metavar="INDEX",
            help="First prediction time of a run to failure, a window counted from 0.",
        ),
        click.option("--label-key", metavar="KEY", help="Series in a JSON file of labels."),
        click.option(
            "--labels",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Which rows are anomalous: 0 or 1 for each, or ranges; text, CSV or JSON.",
        ),
        click.option(
            "--healthy-data",
            type=click.Path(path_type=Path),
            help="Recording that --healthy counts in, where it is another one.",
        ),
    ):
        command = option(command)
    return command
