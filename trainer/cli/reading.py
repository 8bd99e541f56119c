"""From the options about a recording to its feature vectors."""

import os
from pathlib import Path
from typing import Any

from edge_agent.bundle import Bundle
from edge_agent.calibration.series import Series
from edge_agent.recordings import Recording, RecordingOptions, open_recording
from trainer.collected import Origin, read_collected
from trainer.data import input_spec, read_series
from trainer.evaluate_bundle import Known
from trainer.failures import Failure
from trainer.progress import window_progress
from trainer.published_recording import recording_as_published
from trainer.recipe import Recipe, load_recipe


def read(
    *,
    recipe_name: str,
    data: Path,
    window: int | None,
    hop: int | None,
    context: tuple[str, ...],
    published: tuple[str, ...] = (),
    **given: Any,
) -> tuple[Recipe, Recording, Series]:
    """Read what ``recording_options`` ask for, with the ``published`` faults of the recipe.

    Raises:
        RecipeError, RecordingError, DataError, FeatureError: see ``load_recipe``,
            ``open_recording``, ``input_spec`` and ``read_series``.
    """
    recipe = load_recipe(recipe_name).with_faults(published)
    recording = recording_as_published(recipe.published, open_recording(data, format_of(given)))
    spec = input_spec(recording, recipe, window, hop, context)
    with window_progress("features") as update:
        return recipe, recording, read_series(recording, recipe, spec, update)


def read_to_train(
    *, input_of: Path | None, **given: Any
) -> tuple[Recipe, Recording, Series, Origin | None]:
    """Do what ``read`` does, or read features as the bundle ``input_of`` computed them.

    Raises:
        RecipeError, RecordingError, DataError, FeatureError: see ``read``.
        BundleError: see ``Bundle.read`` and ``read_collected``.
    """
    if input_of is None:
        return *read(**given), None
    recipe = load_recipe(given["recipe_name"]).with_faults(given["published"])
    bundle = Bundle.read(input_of)
    recording = recording_as_published(recipe.published, open_recording(given["data"]))
    with window_progress("features") as update:
        return recipe, recording, *read_collected(recording, bundle, update)


def format_of(given: dict[str, Any]) -> RecordingOptions:
    """Take what ``format_options`` ask for out of ``given``."""
    return RecordingOptions(
        **{name: given.pop(name) for name in RecordingOptions.__struct_fields__}
    )


def known_of(
    healthy: tuple[int, int] | None,
    options: RecordingOptions,
    *,
    healthy_data: Path | None,
    labels: Path | None,
    label_key: str | None,
    fpt: int | None,
    buffer: int,
) -> Known:
    """Return what ``known_options`` ask for.

    Raises:
        Failure: one of them needs another.
        RecordingError: see ``open_recording``.
    """
    for name, value, needed, there in (
        ("--fpt", fpt, "--healthy", healthy),
        ("--healthy-data", healthy_data, "--healthy", healthy),
        ("--label-key", label_key, "--labels", labels),
    ):
        if value is not None and there is None:
            raise Failure(f"{name} is {value}, allowed: beside {needed} only", os.EX_USAGE)
    if fpt is not None and healthy_data is not None:
        raise Failure(
            f"--fpt is {fpt}, allowed: where --healthy counts in RECORDING itself", os.EX_USAGE
        )
    return Known(
        healthy=healthy,
        healthy_recording=None if healthy_data is None else open_recording(healthy_data, options),
        labels=labels,
        label_key=label_key,
        fpt=fpt,
        buffer=buffer,
    )
