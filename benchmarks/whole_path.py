"""A window's whole way from block to judgement beside naive features and a numpy LSTM."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from benchmarks import bundles, naive_features
from benchmarks.features import vibration
from benchmarks.figure import Figure, Goal, compared, figure
from benchmarks.numpy_lstm import NumpyLstm
from benchmarks.turns import cpu_times_us
from edge_agent.bundle import Bundle
from edge_agent.pipeline.result import WindowResult
from edge_agent.plugin import Block

GOAL = Goal(kind="at_most", wanted=2.0, aim=1.0)
_SECOND_NS = 1_000_000_000
_MS = 1e3


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure the bundles in ``folder``, with the default recipe's features and network."""
    return [_shape(folder, *shape, quick=quick) for shape in bundles.SHAPES]


def _shape(folder: Path, length: int, channels: int, *, quick: bool) -> Figure:
    loaded = Bundle.read(folder / bundles.file_name(length, channels)).load()
    flow = loaded.flow()
    samples = vibration(length, channels)
    blocks = _blocks(samples, loaded.manifest.flow.input.channels)
    names = bundles.FEATURES
    network = NumpyLstm.random(len(flow.feature_names), (bundles.UNITS,))

    def own() -> WindowResult:
        (result,) = flow.push_block(next(blocks))
        return result

    results = [own() for _ in range(bundles.WASHOUT + 1)]
    if results[-1].score is None:
        raise AssertionError(f"the window is not scored: {results[-1].reason}")
    found = cpu_times_us(
        {
            "own": own,
            "naive": lambda: network.step(naive_features.features(samples, names)[None]),
        },
        turns=6 if quick else 50,
        repeat=8,
    )
    in_ms = {name: [value / _MS for value in values] for name, values in found.items()}
    return figure(
        f"whole_path_{length}x{channels}",
        f"block of {length} x {channels} float32 samples to judged window, default recipe,"
        " processor time",
        "ms",
        compared(in_ms["own"], {"naive features and one step of a numpy LSTM": in_ms["naive"]}),
        GOAL,
    )


def _blocks(samples: naive_features.Array, channels: tuple[str, ...]) -> Iterator[Block]:
    """Yield one block a second without end, of the same samples."""
    rate_hz = float(len(samples))
    for second in count():
        yield Block(samples, second * _SECOND_NS, rate_hz, "g", channels)
