"""What is refused before minutes of work rather than after them."""

import os
from importlib.util import find_spec
from pathlib import Path

from edge_agent.bundle import identity_problem
from trainer.failures import Failure
from trainer.recipe import Recipe


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
