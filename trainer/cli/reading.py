"""From the options about a recording to its feature vectors."""

from pathlib import Path

from edge_agent.calibration.series import Series
from edge_agent.recordings import Recording, RecordingOptions, open_recording
from trainer.data import input_spec, read_series
from trainer.progress import window_progress
from trainer.recipe import Recipe, load_recipe


def read(
    *,
    recipe_name: str,
    data: Path,
    channels: tuple[str, ...],
    rate_hz: float | None,
    window: int | None,
    hop: int | None,
    unit: str | None,
    decimate: int,
) -> tuple[Recipe, Recording, Series]:
    """Read what ``recording_options`` ask for.

    Raises:
        RecipeError, RecordingError, DataError, FeatureError: see ``load_recipe``,
            ``open_recording``, ``input_spec`` and ``read_series``.
    """
    recipe = load_recipe(recipe_name)
    options = RecordingOptions(channels=channels, rate_hz=rate_hz, unit=unit, decimate=decimate)
    recording = open_recording(data, options)
    spec = input_spec(recording, recipe, window, hop)
    with window_progress("features") as update:
        return recipe, recording, read_series(recording, recipe, spec, update)
