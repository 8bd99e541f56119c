"""Which healthy windows are learned from, and how they are scaled."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import Calibration
from edge_agent.calibration.gate import fit_gate
from edge_agent.calibration.kinds import target_columns, unscaled
from edge_agent.calibration.regime import FoundRegimes, find_regimes
from edge_agent.calibration.scaler import fit_scaler
from edge_agent.calibration.season import FoundSeason, find_season
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.denoise import Denoiser, DenoiseSpec
from edge_agent.pipeline.gate import Gate, GateSpec
from edge_agent.pipeline.scaler import Scaler, ScalerSpec

_LEAST_WINDOWS = 20  # fewer tell nothing about a spread


@dataclass(frozen=True, slots=True)
class Prepared:
    """Healthy windows ready for the network.

    Attributes:
        rows: positions in the series of the windows used (not idle, all finite), int (n,).
        after_gap: windows are missing before this one, as at the first, bool (n,).
        start_ns: when each began, int64 (n,), UTC nanoseconds.
        vectors: their feature vectors as computed, float32 (n, F).
        steady: without their context and what their regime and season explain, each by what was
            found from other windows, float32 (n, watched).
        scaled: denoised and scaled, float32 (n, watched).
        seen: what the network sees of them, float32 (n, watched).
        fitted: how many of them, the earliest, the network may be fitted on.
        gate: idle levels.
        regime: of the vectors; None where nothing tells it.
        season: of the vectors; None where they have none.
        scaler: fitted.
        targets: indices of the features to predict.
    """

    rows: NDArray[np.intp]
    after_gap: NDArray[np.bool_]
    start_ns: NDArray[np.int64]
    vectors: NDArray[np.float32]
    steady: NDArray[np.float32]
    scaled: NDArray[np.float32]
    seen: NDArray[np.float32]
    fitted: int
    gate: GateSpec | None
    regime: FoundRegimes | None
    season: FoundSeason | None
    scaler: ScalerSpec
    targets: tuple[int, ...]

    def segments(self) -> list[slice]:
        """Return the runs of the fitted windows without a gap between them."""
        breaks = np.flatnonzero(self.after_gap[1 : self.fitted]) + 1
        edges = [0, *breaks.tolist(), self.fitted]
        return [slice(a, b) for a, b in pairwise(edges)]


def prepare(choice: Calibration, series: Series, healthy: tuple[int, int]) -> Prepared:
    """Pick the healthy windows [first, last) of ``series``, steady, denoise and scale them.

    Raises:
        DataError: the range is outside the recording or leaves too few windows.
    """
    first, last = healthy
    if not 0 <= first < last <= len(series.vectors):
        raise DataError(
            f"healthy is {first}:{last}, allowed: within 0:{len(series.vectors)}, the first before"
            " the last"
        )
    finite = np.flatnonzero(np.isfinite(series.vectors[first:last]).all(axis=1)) + first
    gate = fit_gate(choice.gate, series.names, series.vectors[finite], series.input.context)
    # one window at a time: however long the machine rests, that is not how it runs
    rows = np.array(
        [i for i in finite if not Gate(gate).is_idle(series.vectors[i], 0)], dtype=np.intp
    )
    if len(rows) < _LEAST_WINDOWS:
        raise DataError(
            f"healthy is {first}:{last} with {len(rows)} windows that are neither idle nor invalid,"
            f" allowed: at least {_LEAST_WINDOWS}"
        )
    regime = find_regimes(choice.regime, series.input.context, series.names, series.vectors[rows])
    rows = rows if regime is None else rows[regime.kept]
    raw, start_ns = series.vectors[rows], series.start_ns[rows]
    alike = raw if regime is None else regime.left
    season = find_season(choice.season, alike, start_ns)
    steady = alike if season is None else season.left
    vectors = steady if choice.denoise is None else _denoised(choice.denoise, steady)
    plain = unscaled(choice.scaler, series.watched_names, vectors)
    scaler = fit_scaler(vectors, plain, widen=1.0 + choice.scaler.widen_windows / len(rows))
    scaled = Scaler(scaler).scale(vectors)
    return Prepared(
        rows=rows,
        after_gap=series.gap[rows] | (np.diff(rows, prepend=-2) != 1),
        start_ns=start_ns,
        vectors=raw,
        steady=steady,
        scaled=scaled,
        seen=Scaler(scaler).clip(scaled),
        fitted=len(rows) - round(choice.held_out_share * len(rows)),
        gate=gate,
        regime=regime,
        season=season,
        scaler=scaler,
        targets=target_columns(choice.targets, series.watched_names),
    )


def _denoised(spec: DenoiseSpec, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    denoiser = Denoiser(spec, vectors.shape[1])
    return np.array([denoiser.push(v) for v in vectors], dtype=np.float32)
