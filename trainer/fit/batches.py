"""Which rows of the healthy part go into which batch: index arithmetic, no data copied."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trainer.fit.spec import FitSpec
from trainer.networks import NetworkSpec

Indices = NDArray[np.int32]


class FitError(Exception):
    """The network cannot be fitted to this data; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one update, always of the same shape within one plan.

    Attributes:
        rows: int32 (B, T), rows of the inputs.
        target_rows: int32 (B,) or (B, rows), rows of the targets.
        weights: float32 like ``target_rows``; 0 where a step does not count or only fills up.
        carry: the state goes on from the batch before.
    """

    rows: Indices
    target_rows: Indices
    weights: NDArray[np.float32]
    carry: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Items of one part (training or validation), which ``batches`` arranges.

    Attributes:
        rows: int32 (items, T).
        target_rows: int32 (items,) or (items, rows).
        weights: float32 like ``target_rows``.
        batch_size: items in one batch.
        sequence_length: steps of one batch where streams are cut; None where items are whole.
    """

    rows: Indices
    target_rows: Indices
    weights: NDArray[np.float32]
    batch_size: int
    sequence_length: int | None = None

    def batches(self, order: np.random.Generator | None) -> list[Batch]:
        """Return the batches of one epoch; ``order`` shuffles the items where they are whole."""
        if self.sequence_length is not None:
            return self._chunks(self.sequence_length)
        items = np.arange(len(self.rows))
        if order is not None:
            order.shuffle(items)
        result = []
        for start in range(0, len(items), self.batch_size):
            chosen = items[start : start + self.batch_size]
            weights = self.weights[chosen]
            missing = self.batch_size - len(chosen)
            if missing:
                # every batch has one shape, so that one compiled function serves them all
                chosen = np.concatenate((chosen, np.zeros(missing, dtype=chosen.dtype)))
                weights = np.pad(weights, [(0, missing)] + [(0, 0)] * (weights.ndim - 1))
            result.append(Batch(self.rows[chosen], self.target_rows[chosen], weights))
        return result

    def _chunks(self, length: int) -> list[Batch]:
        fill = [(0, 0), (0, -self.rows.shape[1] % length)]
        rows = np.pad(self.rows, fill, mode="edge")
        target_rows = np.pad(self.target_rows, fill, mode="edge")
        weights = np.pad(self.weights, fill)
        cuts = [slice(start, start + length) for start in range(0, rows.shape[1], length)]
        return [
            Batch(rows[:, cut], target_rows[:, cut], weights[:, cut], carry=number > 0)
            for number, cut in enumerate(cuts)
        ]


def plan_fit(
    network: NetworkSpec, fit: FitSpec, segments: Sequence[slice], n_rows: int
) -> tuple[Plan, Plan | None]:
    """Divide the healthy part into training and validation.

    Args:
        network: what is fitted.
        fit: how.
        segments: runs of rows without a gap between them, in order.
        n_rows: rows there are.

    Returns:
        The training plan, and the validation plan where ``validation_share`` asks for one.

    Raises:
        FitError: a segment lies outside the rows, or too little data is left.
    """
    runs = [_checked(segment, n_rows) for segment in segments]
    if network.form == "window":
        return _plan_windows(network, fit, runs)
    return _plan_streams(fit, runs)


def _checked(segment: slice, n_rows: int) -> tuple[int, int]:
    start, stop = segment.start or 0, n_rows if segment.stop is None else segment.stop
    if segment.step not in (None, 1) or not 0 <= start <= stop <= n_rows:
        message = f"segment {segment} does not lie in the {n_rows} rows"
        raise FitError(message)
    return start, stop


def _plan_windows(
    network: NetworkSpec, fit: FitSpec, runs: list[tuple[int, int]]
) -> tuple[Plan, Plan | None]:
    length = network.window_length
    # a forecaster's target is the row after the window, and what follows it
    ahead = {"forecaster": fit.lookahead, "autoencoder": 0, "forecast_reconstruct": 1}
    needed = length + ahead[network.family]
    starts = np.concatenate(
        [np.arange(start, stop - needed + 1, dtype=np.int32) for start, stop in runs]
        or [np.empty(0, dtype=np.int32)]
    )
    held_back = _held_back(len(starts), fit, f"windows of {length} vectors")

    def plan(chosen: Indices) -> Plan:
        rows = chosen[:, None] + np.arange(length, dtype=np.int32)
        if network.decoded_length:
            target_rows = chosen[:, None] + np.arange(network.decoded_length, dtype=np.int32)
        else:
            target_rows = chosen + np.int32(length)
        weights = np.ones(target_rows.shape, dtype=np.float32)
        if network.family == "forecast_reconstruct":
            weights[:, :length] = (1.0 - fit.forecast_share) / length
            weights[:, length] = fit.forecast_share
        return Plan(rows, target_rows, weights, min(fit.batch_size, len(chosen)))

    training = plan(starts[: len(starts) - held_back])
    return training, plan(starts[len(starts) - held_back :]) if held_back else None


def _plan_streams(fit: FitSpec, runs: list[tuple[int, int]]) -> tuple[Plan, Plan | None]:
    # step t takes row t to row t + 1 and what follows: the last rows of a run are targets only
    ahead = fit.lookahead
    steps = [(start, stop - ahead) for start, stop in runs if stop - ahead > start]
    total = sum(stop - start for start, stop in steps)
    held_back = _held_back(total, fit, "steps")
    training, validation = _split(steps, total - held_back)
    n_training = total - held_back
    sequences = n_training // fit.sequence_length
    streams = fit.batch_size
    if fit.most_updates is not None:
        streams = max(streams, sequences // fit.most_updates)
    streams = max(1, min(streams, sequences))
    counted = fit.sequence_length - fit.washout
    if fit.stateful:
        counted = -(-n_training // streams)
    rows, weights = _pieces(training, steps, counted, fit.washout)
    _require_counted(weights, fit, "training")
    plan = Plan(
        rows,
        rows + np.int32(1),
        weights,
        len(rows) if fit.stateful else min(fit.batch_size, len(rows)),
        fit.sequence_length if fit.stateful else None,
    )
    if not held_back:
        return plan, None
    # validated as the gateway runs it: one stream for each run, state carried all the way
    rows, weights = _pieces(validation, steps, held_back, fit.washout)
    _require_counted(weights, fit, "validation")
    return plan, Plan(rows, rows + np.int32(1), weights, len(rows))


def _held_back(total: int, fit: FitSpec, what: str) -> int:
    held_back = round(total * fit.validation_share)
    if total - held_back < 1 or (fit.validation_share > 0.0 and held_back < 1):
        message = (
            f"the healthy part gives {total} {what}, of which {held_back} are held back for "
            "validation; at least one for each part is needed: take a longer healthy part"
        )
        raise FitError(message)
    return held_back


def _require_counted(weights: NDArray[np.float32], fit: FitSpec, part: str) -> None:
    if not weights.any():
        message = (
            f"no step of the {part} part lies behind a washout of {fit.washout} steps; "
            "take a longer healthy part without gaps, or a shorter washout"
        )
        raise FitError(message)


def _split(
    steps: list[tuple[int, int]], n_first: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    first, second = [], []
    for start, stop in steps:
        middle = min(stop, start + max(0, n_first))
        n_first -= stop - start
        if middle > start:
            first.append((start, middle))
        if stop > middle:
            second.append((middle, stop))
    return first, second


def _pieces(
    part: list[tuple[int, int]], runs: list[tuple[int, int]], length: int, washout: int
) -> tuple[Indices, NDArray[np.float32]]:
    """Cut runs into pieces of at most ``length`` steps, each after up to ``washout`` earlier ones.

    The earlier steps do not count; where a run begins there are none, and its first ``washout``
    steps do not count instead. Shorter pieces are filled up at the end with weight 0.
    """
    pieces = []
    for start, stop in part:
        begin = next(first for first, last in runs if first <= start < last)
        # where the run begins there is nothing earlier to wash out with
        counted_from = max(start, begin + washout)
        count = -(-(stop - counted_from) // length)
        if count < 1:
            continue
        edges = np.linspace(counted_from, stop, count + 1).round().astype(int)
        pieces += [(int(a) - washout, int(a), int(b)) for a, b in pairwise(edges)]
    if not pieces:
        return np.zeros((1, 1), dtype=np.int32), np.zeros((1, 1), dtype=np.float32)
    width = max(stop - start for start, _, stop in pieces)
    rows = np.empty((len(pieces), width), dtype=np.int32)
    weights = np.zeros((len(pieces), width), dtype=np.float32)
    for item, (start, counted_from, stop) in enumerate(pieces):
        rows[item] = np.minimum(np.arange(start, start + width), stop - 1)
        weights[item, counted_from - start : stop - start] = 1.0
    return rows, weights
