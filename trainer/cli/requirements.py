"""What is refused before minutes of work rather than after them."""

import os
from importlib.util import find_spec
from pathlib import Path

import click
from click.core import ParameterSource

from edge_agent.bundle import identity_problem
from edge_agent.calibration.series import DataError, Series
from edge_agent.recordings import Recording
from trainer.failures import Failure
from trainer.recipe import Recipe

_SAYS_INPUT = (
    "channels",
    "rate_hz",
    "unit",
    "decimate",
    "window",
    "hop",
    "context",
    "general",
    "detector",
)


def require_trainer(recipe: Recipe) -> None:
    """Refuse to train where the extra is not installed. Raises Failure."""
    needed = (*(() if recipe.network is None else ("tensorflow",)), "matplotlib", "jinja2")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise Failure(
            f"training needs {', '.join(missing)}, which the extra 'trainer' holds:"
            " pip install 'edge-agent[trainer]'",
            os.EX_UNAVAILABLE,
        )


def require_formats(what: str) -> None:
    """Refuse to do ``what`` where nothing can write Parquet. Raises Failure."""
    if find_spec("pyarrow") is None:
        raise Failure(
            f"{what} needs pyarrow, which the extra 'formats' holds:"
            " pip install 'edge-agent[formats]'",
            os.EX_UNAVAILABLE,
        )


def require_identity(name: str, version: str) -> None:
    """Refuse what cannot name a bundle. Raises Failure."""
    problem = identity_problem(name, version)
    if problem is not None:
        raise Failure(f"the bundle's {problem}", os.EX_USAGE)


def require_folder(*paths: Path | None) -> None:
    """Refuse what is to be made in a folder that is not there. Raises Failure."""
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise Failure(f"{path}: there is no folder {path.parent}", os.EX_UNAVAILABLE)


def require_file(path: Path) -> None:
    """Refuse to write a file where there is a folder. Raises Failure."""
    if path.is_dir():
        raise Failure(f"{path}: is a folder, allowed: a file", os.EX_USAGE)


def require_labels(recipe: Recipe, labels: Path | None, label_key: str | None) -> None:
    """Refuse what asks for labels where there are none. Raises Failure."""
    if recipe.published.threshold_by_labels and labels is None:
        raise Failure(
            f"recipe {recipe.name}: threshold_by_labels chooses the threshold by labels, allowed:"
            " beside --labels only",
            os.EX_USAGE,
        )
    if label_key is not None and labels is None:
        raise Failure(f"--label-key is {label_key}, allowed: beside --labels only", os.EX_USAGE)


def require_dropout(recipe: Recipe) -> None:
    """Refuse passes with dropout in use where no score comes of them. Raises Failure."""
    from trainer.dropout import may_pass

    if not may_pass(recipe):
        raise Failure(
            f"recipe {recipe.name}: --mc-dropout measures how far passes with dropout in use lie"
            " apart, allowed: for a network with dropout behind its recurrent layers that forecasts"
            " quantiles from a window, as that of cerliani-quantile",
            os.EX_USAGE,
        )


def require_within(recording: Recording, series: Series, healthy: tuple[int, int]) -> None:
    """Refuse a healthy part beyond the recording. Raises DataError."""
    if healthy[1] > len(series.vectors):
        raise DataError(
            f"{recording.path}: --healthy is {healthy[0]}:{healthy[1]},"
            f" allowed: within 0:{len(series.vectors)}, its windows"
        )


def require_no_input(context: click.Context) -> None:
    """Refuse what would say another input than that of a bundle. Raises Failure."""
    for parameter in context.command.params:
        name = parameter.name or ""
        said = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if name in _SAYS_INPUT and said:
            raise Failure(
                f"{parameter.opts[0]} is not for --input-of, whose bundle says input and features",
                os.EX_USAGE,
            )
