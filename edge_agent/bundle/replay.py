"""A recording through a bundle: the daemon's own way from block to alarm, as fast as it goes."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from edge_agent.bundle.bundle import Bundle
from edge_agent.bundle.fit import misfits
from edge_agent.bundle.loaded import LoadedBundle
from edge_agent.bundle.overlay import apply_overlay, read_overlay, require_calibrated
from edge_agent.bundle.rows import encode_rows
from edge_agent.bundle.times import rfc3339
from edge_agent.pipeline.block import InputError, InputSpec
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.window import Window
from edge_agent.recordings import Recording, RecordingOptions, open_recording


class ReplayError(ValueError):
    """The recording is not what the bundle was made for; the message names both."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay.

    Attributes:
        bundle: name and version.
        sha256: of the bundle's file.
        recording: its path.
        windows: that were cut.
        scored: windows with a score.
        not_scored: windows without one, by reason.
        alarms: how many opened.
        first_alarm_index: window in which the first one opened.
        first_alarm_time: start of that window.
        highest: largest score / threshold.
        seconds: that it took.
    """

    bundle: str
    sha256: str
    recording: str
    windows: int
    scored: int
    not_scored: dict[str, int]
    alarms: int
    first_alarm_index: int | None
    first_alarm_time: str | None
    highest: float | None
    seconds: float


Seen = Callable[[Window, WindowResult], None]


def replay(
    bundle: LoadedBundle, recording: Recording, seen: Seen = lambda _window, _result: None
) -> Iterator[WindowResult]:
    """Yield what becomes of every window of ``recording``.

    Args:
        bundle: what judges; begins without history.
        recording: must have the bundle's channels; others are left aside.
        seen: is shown every window with its result.

    Raises:
        ReplayError: another kind, rate, unit, period, or channels missing.
        RecordingError: the recording is damaged where it was just read.
    """
    problems = misfits(
        bundle.manifest.flow.input,
        kind=recording.kind,
        channels=recording.channels,
        rate_hz=recording.rate_hz,
        unit=recording.unit,
        period_s=recording.period_s,
    )
    if problems:
        raise ReplayError(f"{recording.path} does not fit {bundle.source}: {'; '.join(problems)}")
    flow = bundle.flow()
    for block in recording.blocks():
        try:
            for window in flow.windows(block):
                result = flow.push_window(window)
                seen(window, result)
                yield result
        except InputError as error:
            raise ReplayError(f"{recording.path}: {error}") from error


def expected_windows(needed: InputSpec, recording: Recording) -> int | None:
    """Return how many windows ``recording`` will give, about; None where nobody knows."""
    if recording.length is None:
        return None
    if recording.kind == "features":
        return recording.length
    bursts, length = 1, recording.length
    if recording.burst_length is not None:
        bursts, length = recording.length, recording.burst_length
    return bursts * max(0, (length - needed.length) // needed.hop + 1)


def replay_file(  # noqa: PLR0913 - one for each option of the command
    bundle_path: Path,
    recording_path: Path,
    options: RecordingOptions,
    write: Callable[[bytes], object],
    *,
    overlay_path: Path | None = None,
    window: int | None = None,
    hop: int | None = None,
    progress: Callable[[int, int | None], None] = lambda _done, _all: None,
    watch: Callable[[LoadedBundle], Seen] | None = None,
) -> Summary:
    """Verify the bundle's golden scores, replay the recording, write lines of JSON.

    Args:
        bundle_path: the bundle's file.
        recording_path: file or folder.
        options: what the recording's format does not say.
        write: takes the lines of each window.
        overlay_path: the overlay that makes a general bundle the recorded asset's own.
        window: samples per window; must be the bundle's where given.
        hop: likewise.
        progress: called after each window with how many are done, and of how many.
        watch: given what judges, returns what is shown every window with its result.

    Raises:
        BundleError, RecordingError, ReplayError: see ``replay``; BundleUnavailableError and
            ExtraMissingError among them where only something has to be installed.
    """
    began_s = time.perf_counter()
    bundle = Bundle.read(bundle_path)
    overlay = None
    if overlay_path is None:
        require_calibrated(bundle)
    else:
        overlay = read_overlay(overlay_path)
    needed = (bundle.manifest if overlay is None else overlay).flow.input
    for name, given, own in (("window", window, needed.length), ("hop", hop, needed.hop)):
        if given not in (None, own):
            raise ReplayError(f"--{name} is {given}, but {bundle_path} was made for {name} {own}")
    recording = open_recording(recording_path, options)
    loaded = bundle.load()
    bundle.verify_golden(loaded)
    if overlay is not None:
        loaded = apply_overlay(overlay, bundle)
    total = expected_windows(needed, recording)
    not_scored: Counter[str] = Counter()
    first: WindowResult | None = None
    windows = alarms = 0
    highest: float | None = None
    seen = (lambda _window, _result: None) if watch is None else watch(loaded)
    for result in replay(loaded, recording, seen):
        write(encode_rows(result))
        windows += 1
        if result.score is None:
            not_scored[str(result.reason)] += 1
        else:
            highest = max(highest or 0.0, result.score / result.threshold)
        if result.event is not None and result.event.kind == "open":
            alarms += 1
            first = first or result
        progress(windows, total)
    return Summary(
        bundle=f"{bundle.manifest.name} {bundle.manifest.version}",
        sha256=bundle.sha256,
        recording=str(recording_path),
        windows=windows,
        scored=windows - not_scored.total(),
        not_scored=dict(not_scored),
        alarms=alarms,
        first_alarm_index=None if first is None else first.index,
        first_alarm_time=None if first is None else rfc3339(first.start_ns),
        highest=highest,
        seconds=round(time.perf_counter() - began_s, 3),
    )
