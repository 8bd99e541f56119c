"""What ``--detector`` asks for."""

import os
from pathlib import Path
from typing import Any

import click

from trainer.choose_detector import choose_baseline
from trainer.cli.reading import read
from trainer.confirmed import kept_out
from trainer.failures import Failure
from trainer.outcome import Truth
from trainer.recipe import recipes_of


def detector_recipe(
    detector: str,
    recipe_name: str,
    healthy: tuple[int, int],
    confirmed: Path | None,
    **given: Any,
) -> str:
    """Return the name of the recipe that is to be trained.

    Args:
        detector: ``network`` is ``recipe_name`` itself, ``baseline`` the baseline that stands best
            on the healthy part, anything else the name of a baseline.
        recipe_name: says which features there are to choose by.
        healthy: windows [first, last) of the recording.
        confirmed: labels of its faults, see ``kept_out``.
        given: other options about the recording.

    Raises:
        Failure: there is no such baseline.
        RecipeError, RecordingError, DataError, FeatureError: see ``read`` and ``choose_baseline``.
    """
    if detector == "network":
        return recipe_name
    if detector == "baseline":
        _, _, series = read(recipe_name=recipe_name, **given)
        flags = kept_out(given["data"], series, confirmed)
        learnable = Truth(series, healthy, confirmed=flags).learnable
        chosen, standings = choose_baseline(learnable, healthy)
        for name, standing in sorted(standings.items(), key=lambda item: item[1].rank):
            click.echo(f"{name:<14} {standing}", err=True)
        return chosen.name
    names = [recipe.name for recipe in recipes_of("baseline")]
    if detector not in names:
        raise Failure(
            f"--detector is {detector!r}, allowed: network, baseline, {', '.join(names)}",
            os.EX_USAGE,
        )
    return detector
