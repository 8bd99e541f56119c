"""A real run to failure: its healthy part is trained on, the rest is replayed."""

from collections.abc import Callable
from pathlib import Path

from demo.failure import DemoError
from demo.story import Story
from edge_agent.calibration.series import DataError
from edge_agent.recordings import RecordingError, open_recording
from trainer.data import input_spec, windows
from trainer.recipe import load_recipe

# Where nobody says which part is healthy: a new bearing runs in first, and what follows is healthy
# for a good while in every run to failure that lasted long enough to be worth recording.
RUNNING_IN = 0.07
HEALTHY_UNTIL = 0.32


def healthy_part(count: int) -> tuple[int, int]:
    """Return the windows, half open, that are taken as healthy of ``count``."""
    return round(RUNNING_IN * count), round(HEALTHY_UNTIL * count)


def recorded(path: Path, healthy: tuple[int, int] | None, progress: Callable[[int], None]) -> Story:
    """Look through the recording at ``path``, and tell its story.

    Args:
        path: any format that ``edge-agent replay`` reads.
        healthy: windows to train on, half open; None for the usual part.
        progress: called with the number of windows seen so far.

    Raises:
        DemoError: it cannot be read, or nothing is left to replay.
    """
    try:
        recording = open_recording(path)
        spec = input_spec(recording, load_recipe("default"))
        count = 0
        for _ in windows(recording, spec):
            count += 1
            progress(count)
    except (RecordingError, DataError) as error:
        raise DemoError(str(error)) from error
    first, last = healthy or healthy_part(count)
    usual = f"from {RUNNING_IN:.0%} to {HEALTHY_UNTIL:.0%} of the run; --healthy A:B says otherwise"
    if last >= count:
        raise DemoError(
            f"healthy part {first}:{last} leaves nothing to replay: {path} has {count} windows"
        )
    is_continuous = recording.kind == "samples" and recording.period_s is None
    return Story(
        title=f"{path.name}: trained on windows {first}:{last} of {count}, then replayed",
        recording=path,
        healthy=(first, last),
        healthy_because="as told" if healthy else usual,
        sensor="replay",
        options={
            "path": str(path.absolute()),
            "speed": 0.0,
            "range": f"{last * spec.hop if is_continuous else last}:",
        },
        first=last,
        windows=count - last,
        period_s=spec.window_period_s,
        window_s=None if spec.rate_hz is None else spec.length / spec.rate_hz,
    )
