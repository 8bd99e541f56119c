"""From a vector to the network's score: regime, season, denoise, scaler, model, smoothed scorer."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.denoise import Denoiser
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.network import predictor
from edge_agent.pipeline.regime import Regimes
from edge_agent.pipeline.result import Reason
from edge_agent.pipeline.scaler import Scaler
from edge_agent.pipeline.season import Season
from edge_agent.pipeline.smoothing import SmoothedScorer
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.state import FlowState, unpack


@dataclass(frozen=True, slots=True)
class Scored:
    """What the network says of one window: a score, or the reason why there is none.

    Attributes:
        score: smoothed.
        reason: why ``score`` is None.
        shares: each feature's share of ``score``.
    """

    score: float | None
    reason: Reason | None = None
    shares: NDArray[np.float32] | None = None


class NetworkScorer:
    """Says of each vector how unlike the network's forecast it is.

    Attributes:
        washout_left: vectors that are still to be pushed before there is a score.
        recent: the newest vectors of known regimes, as many as a warm-up takes, with the start of
            each window (UTC nanoseconds).
    """

    def __init__(self, spec: FlowSpec, model: AnyModel) -> None:
        """Prepare the steps of ``spec``; ``model`` is its network or what stands in for it."""
        n_features = len(spec.watched_names)
        self._regimes = None if spec.regime is None else Regimes(spec.regime, spec.feature_names)
        self._season = None if spec.season is None else Season(spec.season, n_features)
        self.denoiser = None if spec.denoise is None else Denoiser(spec.denoise, n_features)
        self._scaler = Scaler(spec.scaler)
        self.predictor = predictor(model, n_features)
        self._scorer = SmoothedScorer(spec.scorer, spec.smoothing, len(spec.model.targets))
        self.smoother = self._scorer.smoother
        self._targets = np.array(spec.model.targets, dtype=np.intp)
        self._looks_back = spec.model.looks_back
        self._n_features = len(spec.feature_names)
        self.washout_left = spec.model.washout
        most = max(1, spec.model.washout_vectors)
        self.recent: deque[tuple[int, NDArray[np.float32]]] = deque(maxlen=most)

    def steady(self, vector: NDArray[np.float32], start_ns: int) -> NDArray[np.float32] | None:
        """Keep ``vector``, float32 (F,), for a warm-up, and say what season and regime leave of it.

        None where its regime is unseen.
        """
        past = start_ns, vector
        if self._regimes is not None:
            regime = self._regimes.find(vector)
            if regime is None:
                return None
            vector = self._regimes.remove(vector, regime)
        self.recent.append(past)
        return vector if self._season is None else self._season.remove(vector, start_ns)

    def unseen(self, vector: NDArray[np.float32]) -> str | None:
        """Say what is unlike any regime that was learned from; None without regimes."""
        return None if self._regimes is None else self._regimes.unseen(vector)

    def push(self, steady: NDArray[np.float32], *, broken: bool) -> Scored:
        """Score a vector as ``steady`` returns it.

        Args:
            steady: of the window.
            broken: windows have passed since the last one pushed.
        """
        vector = steady if self.denoiser is None else self.denoiser.push(steady)
        scaled = self._scaler.scale(vector)
        residuals = self.predictor.push(scaled, self._scaler.clip(scaled))
        if self.washout_left > 0 or residuals is None:
            self.washout_left = max(0, self.washout_left - 1)
            return Scored(None, "washout")
        if broken and self._looks_back:  # the forecast was for another time
            return Scored(None, "gap")
        score, target_shares = self._scorer.push(residuals)
        shares = np.zeros(len(vector), dtype=np.float32)
        shares[self._targets] = target_shares
        return Scored(score, None, shares)

    def restore(self, state: FlowState) -> None:
        """Continue from the ``state`` of a flow of the same bundle.

        Raises:
            ValueError: the state is another bundle's.
        """
        recent = [(past.start_ns, unpack(past.vector)) for past in state.recent]
        n = self._n_features
        if any(vector.shape != (n,) for _, vector in recent):
            raise ValueError(f"state of another bundle, allowed: vectors of {n} features")
        if (self.denoiser is None) != (state.denoiser is None):
            raise ValueError("state of another bundle: only one of the two denoises")
        if self.denoiser is not None and state.denoiser is not None:
            self.denoiser.restore(unpack(state.denoiser))
        self.predictor.restore({name: unpack(a) for name, a in state.predictor.items()})
        self.smoother.restore(unpack(state.smoothed))
        self.washout_left = state.washout_left
        self.recent.clear()
        self.recent.extend(recent)
