"""A recording as the network sees it: one feature vector per window, with its times."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.kinds import BAND, split_name
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.block import Conformer, InputSpec, table_input
from edge_agent.pipeline.features import Extractor, FeatureSpec, installed_spec, window_extractor
from edge_agent.pipeline.window import Window, Windower
from edge_agent.plugin import FeatureError
from edge_agent.recordings import Recording
from trainer.recipe import Recipe, WindowChoice

# the exact names under which a plant's data have them; a house's load is what is watched itself
_KNOWN_CONTEXT = ("speed", "rpm", "load")

Progress = Callable[[int, int | None], None]


def input_spec(
    recording: Recording,
    recipe: Recipe,
    length: int | None = None,
    hop: int | None = None,
    context: tuple[str, ...] = (),
) -> InputSpec:
    """Say how windows are cut from ``recording``.

    The user's ``length`` and ``hop`` come first, then one window for each burst, then the recipe's.
    Context are the user's channels, and those called speed, rpm or load wherever a vibration is
    among the others.

    Raises:
        DataError: a context that the recording does not have, a window longer than the bursts, a
            window or hop that no memory would hold, or either for a feature table.
    """
    wanted = _context(recording, context)
    columns = recipe.features.columns
    return input_of(recording, recipe.window, columns, length, hop, wanted)


def input_of(
    recording: Recording,
    window: WindowChoice,
    columns: tuple[str, ...],
    length: int | None = None,
    hop: int | None = None,
    context: tuple[str, ...] = (),
) -> InputSpec:
    """Do what ``input_spec`` does for a recipe of that window and those columns of a table."""
    try:
        return _input_spec(recording, window, columns, (length, hop), context)
    except ValueError as error:
        raise DataError(f"{recording.path}: {error}") from error


def _input_spec(
    recording: Recording,
    window: WindowChoice,
    columns: tuple[str, ...],
    cut: tuple[int | None, int | None],
    context: tuple[str, ...],
) -> InputSpec:
    length, hop = cut
    if recording.kind == "features":
        if length not in (None, 1) or hop not in (None, 1):
            raise ValueError("a feature table has no samples to cut windows from")
        names = _columns(recording.channels, columns, context)
        return table_input(names, recording.period_s, context)
    burst = recording.burst_length
    length = length or burst or window.length
    if burst is not None and length > burst:
        raise ValueError(f"window is {length} samples, allowed: 1 to {burst}")
    hop = hop or (length if burst is not None or length != window.length else window.hop)
    return InputSpec(
        kind="samples",
        channels=recording.channels,
        rate_hz=recording.rate_hz,
        unit=recording.unit,
        length=length,
        hop=hop,
        period_s=recording.period_s,
        context=context,
    )


def windows(recording: Recording, spec: InputSpec) -> Iterator[Window]:
    """Yield the recording's windows as the gateway would cut them."""
    conformer, windower = Conformer(spec), Windower(spec)
    for block in recording.blocks():
        yield from windower.push(conformer.conform(block))


def read_series(
    recording: Recording, recipe: Recipe, spec: InputSpec, progress: Progress | None = None
) -> Series:
    """Compute the features of every window of ``recording``.

    Raises:
        DataError: no window at all, or none whose features can be computed.
        FeatureError: a feature cannot be computed from windows of this kind.
    """
    plugins = () if spec.kind == "features" else recipe.features.plugins
    features = tuple(installed_spec(p.plugin, p.options) for p in plugins)
    return compute_series(recording, features, spec, progress)


def compute_series(
    recording: Recording,
    features: tuple[FeatureSpec, ...],
    spec: InputSpec,
    progress: Progress | None = None,
) -> Series:
    """Do what ``read_series`` does, with these ``features`` where windows hold samples."""
    if spec.kind == "features":
        features, extractor, names = (), None, spec.channels
    else:
        extractor = window_extractor(features, spec)
        names = extractor.names
    rows, problems = _Rows(len(names)), list[str]()
    total = _window_count(recording, spec)
    for window in windows(recording, spec):
        vector = window.samples[0] if extractor is None else _vector(extractor, window, problems)
        rows.append(vector, window)
        if progress is not None:
            progress(len(rows), total)
    if not len(rows):
        raise DataError(
            f"{recording.path}: no window of {spec.length} samples found, allowed: at least one"
        )
    if len(problems) == len(rows):
        raise DataError(
            f"{recording.path}: features of none of {len(rows)} windows can be computed: "
            + problems[0]
        )
    return Series(spec, features, names, *rows.arrays())


class _Rows:
    """Vectors and times while they come, in arrays: a list of each would take many times that."""

    _PART = 4096

    def __init__(self, width: int) -> None:
        """For vectors of ``width`` numbers."""
        self._width = width
        self._parts: list[NDArray[np.void]] = []
        self._length = 0
        self._kind = np.dtype(
            [("vector", "f4", (width,)), ("start", "i8"), ("end", "i8"), ("gap", "?")]
        )

    def __len__(self) -> int:
        return self._length

    def append(self, vector: NDArray[np.float32], window: Window) -> None:
        at = self._length % self._PART
        if at == 0:
            self._parts.append(np.empty(self._PART, self._kind))
        self._parts[-1][at] = (vector, window.start_ns, window.end_ns, window.gap)
        self._length += 1

    def arrays(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return vectors, starts, ends and gaps."""
        columns = [
            np.concatenate([part[name] for part in self._parts])[: self._length]
            for name in ("vector", "start", "end", "gap")
        ]
        vectors, starts, ends, gaps = columns
        return vectors, starts, ends, gaps


def table_of(series: Series, recipe: Recipe) -> Series:
    """Return the features of ``series`` that ``recipe`` takes, as if they came from a table."""
    names = _columns(series.names, recipe.features.columns, series.input.context)
    spec = table_input(names, series.input.period_s, series.input.context)
    columns = [series.names.index(name) for name in names]
    return replace(series, input=spec, features=(), names=names, vectors=series.vectors[:, columns])


def raw_windows(recording: Recording, spec: InputSpec, rows: Sequence[int]) -> list[Window]:
    """Return the windows at positions ``rows``, which rise, with samples of their own."""
    wanted, last = set(rows), rows[-1]
    return [
        Window(w.samples.copy(), w.start_ns, w.end_ns, gap=w.gap, clipped=w.clipped)
        for i, w in enumerate(islice(windows(recording, spec), last + 1))
        if i in wanted
    ]


def _vector(extractor: Extractor, window: Window, problems: list[str]) -> NDArray[np.float32]:
    try:
        return extractor.compute(window.samples)[0]
    except FeatureError as error:
        problems.append(str(error))
        return np.full(len(extractor.names), np.nan, dtype=np.float32)


def _window_count(recording: Recording, spec: InputSpec) -> int | None:
    if recording.length is None:
        return None
    if recording.kind == "features" or recording.burst_length is None:
        return max(0, (recording.length - spec.length) // spec.hop + 1)
    return recording.length * ((recording.burst_length - spec.length) // spec.hop + 1)


def _context(recording: Recording, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the channels that are context. Raises DataError for one that is not there."""
    names = recording.channels
    missing = [name for name in asked if name not in names]
    if missing:
        raise DataError(
            f"{recording.path}: context {', '.join(missing)} not found, allowed: {', '.join(names)}"
        )
    others = [n for n in names if n.lower() not in _KNOWN_CONTEXT]
    vibrates = recording.kind == "samples" or any(split_name(n)[1] for n in others)
    known = [n for n in names if n not in others] if others and vibrates else []
    return tuple(dict.fromkeys((*asked, *known)))


def _columns(
    names: tuple[str, ...], columns: tuple[str, ...], context: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the features in the table's order, then the context."""
    others = tuple(n for n in names if n not in context)
    return (*(tuple(n for n in others if _is_one_of(n, columns)) or others), *context)


def _is_one_of(name: str, columns: tuple[str, ...]) -> bool:
    known = split_name(name)[1]
    if known:  # b1_velocity_rms is not the rms of b1_velocity
        return known in columns or (known.startswith(BAND) and BAND in columns)
    return any(name.endswith(f"_{column}") for column in columns)
