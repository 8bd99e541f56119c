"""The arrow from block to alarm, of one asset.

block -> window -> faults -> features -> gate -> regime -> season -> denoise -> scaler -> model
-> scorer -> smoothing -> threshold -> alarm
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import Event
from edge_agent.pipeline.block import Conformer
from edge_agent.pipeline.faults import BiasWatch, Sensed, stuck
from edge_agent.pipeline.features import Extractor, FeatureFailedError
from edge_agent.pipeline.gate import Gate
from edge_agent.pipeline.judge import Judge
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.network_scorer import NetworkScorer, Scored
from edge_agent.pipeline.result import Measured, PastWindow, Reason, WindowResult
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.state import FlowMark, FlowState, Past, pack
from edge_agent.pipeline.vectors import feature_extractor
from edge_agent.pipeline.window import Window, Windower
from edge_agent.plugin import Block, FeatureError

_NAMED = 3  # features an event names


class Flow:
    """One asset's way from block to alarm, with all the state that it carries."""

    def __init__(
        self,
        spec: FlowSpec,
        model: AnyModel,
        range_max: float | None = None,
        features: Extractor | None = None,
        limit_mm_s: float | None = None,
        *,
        listens: bool = False,
    ) -> None:
        """Prepare every step of ``spec``.

        Args:
            spec: the bundle's parameters.
            model: its network or what stands in for it; the flows of one thread may share it.
            range_max: largest magnitude the sensor delivers, to mark clipped windows.
            features: ``feature_extractor(spec)``, which they may share likewise; None: this flow
                makes its own.
            limit_mm_s: rms velocity that the machine may not exceed; None: no such limit.
            listens: nothing is scored: the asset is to be commissioned from its vectors.

        Raises:
            FeatureError: a feature plugin is missing, of another version, or cannot work here; or
                no velocity can be had from such windows.
        """
        self.spec = spec
        self.feature_names = spec.feature_names
        self.conformer = Conformer(spec.input)
        self.windower = Windower(spec.input, range_max)
        self.range_max = range_max
        self.bias = BiasWatch(spec.input)
        self._features = features or feature_extractor(spec)
        self.gate = Gate(spec.gate)
        self.scorer = NetworkScorer(spec, model)
        self.judge = Judge(spec, limit_mm_s)
        self.listens = listens
        self.index = 0
        self.broken = False  # windows have passed that the network did not see

    def push_block(self, block: Block) -> Iterator[WindowResult]:
        """Yield the result of every window that ``block`` completes.

        Raises:
            InputError: the block is not what the bundle was made for.
        """
        for window in self.windows(block):
            yield self.push_window(window)

    def windows(self, block: Block) -> Iterator[Window]:
        """Yield every window that ``block`` completes, for ``push_window`` or ``leave_out``.

        Raises:
            InputError: the block is not what the bundle was made for.
        """
        return self.windower.push(self.conformer.conform(block))

    def push_window(self, window: Window) -> WindowResult:
        """Compute the window's features and score them."""
        self.judge.follow_clock(window.utc_offset_ns)
        self.broken |= window.gap
        if self._features is None:
            return self._push(window.samples[0], window)
        fault = stuck(window.samples, self.range_max, self.spec.input, clipped=window.clipped)
        if fault is not None:
            return self._not_scored(window, "sensor_fault", fault)
        try:
            vector, bias = self._features.compute(window.samples)
        except FeatureFailedError as error:
            return self._not_scored(window, "error", str(error), self.judge.velocity_mm_s(window))
        except FeatureError as error:
            return self._not_scored(window, "invalid", str(error), self.judge.velocity_mm_s(window))
        sensed = self.bias.sense(bias, window.samples)
        fault = self.bias.lost(sensed)
        if fault is not None:
            return self._not_scored(window, "sensor_fault", fault)
        return self._push(vector, window, bias, sensed, self.judge.velocity_mm_s(window))

    def leave_out(self, window: Window, detail: str) -> WindowResult:
        """Count a window whose scoring failed, or is not tried for a while; ``detail`` says why."""
        self.judge.follow_clock(window.utc_offset_ns)
        return self._not_scored(window, "error", detail, self.judge.velocity_mm_s(window))

    def change_clock(self) -> None:
        """Take what comes as timed by another clock than before, as after a restart."""
        self.gate.idle_since_ns = self.judge.utc_offset_ns = None

    def push_vector(
        self, vector: NDArray[np.float32], start_ns: int, end_ns: int, *, gap: bool = False
    ) -> WindowResult:
        """Score a feature vector, float32 (F,), that was computed before."""
        self.broken |= gap
        return self._push(vector, Window.of_times(start_ns, end_ns, gap=gap))

    def replay(self, past: PastWindow) -> WindowResult | None:
        """Take a window again that was judged before: the state after it is bit-equal to then.

        Meant for windows that follow the restored state without one missing. What they told of
        alarms has been told: ``resume`` knows it. Returns None for a window without a vector.
        """
        self.judge.follow_clock(past.utc_offset_ns)
        self.broken |= past.gap
        if past.vector is None:
            self.broken = True
            self.index += 1
            return None
        window = Window.of_times(past.start_ns, past.end_ns, past.utc_offset_ns, gap=past.gap)
        return self._push(past.vector, window, sensed=past.sensed)

    def warm_up(self, past: Iterable[tuple[int, NDArray[np.float32]]]) -> None:
        """Replay past windows so that the next one is scored at once.

        No window is counted and no alarm moves. Vectors of a machine at rest, or with a number
        missing, are passed over: the network never saw such.

        Args:
            past: when each window began (UTC nanoseconds) and its vector, float32 (F,).
        """
        gate = Gate(self.spec.gate)
        for start_ns, vector in past:
            if not np.isfinite(vector).all() or gate.is_idle(vector, 0):
                continue
            steady = self.scorer.steady(vector, start_ns)
            if steady is None:
                continue
            if self.judge.level is not None:
                self.judge.level.push(steady)
            self.scorer.push(steady, broken=self.broken)
            self.broken = False

    def state(self) -> FlowState:
        """Everything that ``restore`` needs for scores that are bit-equal from here on."""
        scorer = self.scorer
        return FlowState(
            index=self.index,
            washout_left=scorer.washout_left,
            broken=self.broken,
            idle_since_ns=self.gate.idle_since_ns,
            utc_offset_ns=self.judge.utc_offset_ns,
            denoiser=None if scorer.denoiser is None else pack(scorer.denoiser.state()),
            predictor={name: pack(a) for name, a in scorer.predictor.state().items()},
            smoothed=pack(scorer.smoother.state()),
            threshold=pack(self.judge.threshold.state()),
            level=None if self.judge.level is None else pack(self.judge.level.smoothed),
            rules={name: rule.state() for name, rule in self.judge.rules.items()},
            anomalies=self.judge.anomalies.state(),
            recent=tuple(Past(start_ns, pack(v)) for start_ns, v in scorer.recent),
            bias=self.bias.state,
        )

    def restore(self, state: FlowState) -> None:
        """Continue from the ``state`` of a flow of the same bundle.

        Raises:
            ValueError: the state is another bundle's; this flow is of no use then.
        """
        self.scorer.restore(state)
        self.judge.restore(state)
        self.index = state.index
        self.broken = state.broken
        self.gate.idle_since_ns = state.idle_since_ns
        self.bias.state = state.bias

    def mark(self) -> FlowMark:
        """What this flow has told: how many windows, which anomalies."""
        return FlowMark(
            index=self.index,
            utc_offset_ns=self.judge.utc_offset_ns,
            rules={name: rule.state() for name, rule in self.judge.rules.items()},
            anomalies=self.judge.anomalies.state(),
        )

    def resume(self, mark: FlowMark) -> None:
        """Count on from the ``mark`` of a flow of the same bundle, also where this one is behind.

        Raises:
            ValueError: the mark is another bundle's.
        """
        self.judge.resume(mark)
        self.broken |= mark.index != self.index
        self.index = mark.index

    def succeed(self, told: FlowMark | FlowState) -> None:
        """Count on from what a flow of another bundle has ``told`` of the same asset."""
        self.judge.succeed(told)
        self.index = told.index

    def _push(
        self,
        vector: NDArray[np.float32],
        window: Window,
        bias: NDArray[np.float32] | None = None,
        sensed: Sensed | None = None,
        velocity: NDArray[np.float32] | None = None,
    ) -> WindowResult:
        measured = Measured(vector, bias, sensed, velocity)
        if not np.isfinite(vector).all():
            self.broken = True
            missing = [self.feature_names[i] for i in np.flatnonzero(~np.isfinite(vector))]
            detail = f"not a finite number: {', '.join(missing[:_NAMED])}"
            return self._result(window, measured, Scored(None, "invalid"), detail)
        if self.listens:
            if sensed is not None:
                self.bias.learn(sensed)
            self.scorer.recent.append((window.start_ns, vector))
            self.broken = False
            return self._result(window, measured, Scored(None, "commissioning"), None)
        if self.gate.is_idle(vector, window.steady_ns):
            self.broken = True
            return self._result(window, measured, Scored(None, "idle"), None)
        steady = self.scorer.steady(vector, window.start_ns)
        if steady is None:
            self.broken = True
            unseen = self.scorer.unseen(vector)
            return self._result(window, measured, Scored(None, "regime"), unseen)
        if sensed is not None:
            self.bias.learn(sensed)
        scored = self.scorer.push(steady, broken=self.broken)
        self.broken = False
        judged = self.judge.push(self.index, window, steady, scored, velocity)
        return self._result(window, measured, scored, None, judged)

    def _not_scored(
        self,
        window: Window,
        reason: Reason,
        detail: str,
        velocity: NDArray[np.float32] | None = None,
    ) -> WindowResult:
        self.broken = True
        measured = Measured(velocity_mm_s=velocity)
        return self._result(window, measured, Scored(None, reason), detail)

    def _result(
        self,
        window: Window,
        measured: Measured,
        scored: Scored,
        detail: str | None,
        judged: tuple[float | None, Event | None] | None = None,
    ) -> WindowResult:
        if judged is None:
            judged = None, self.judge.push_unscored(self.index, window, measured.velocity_mm_s)
        level_score, event = judged
        result = WindowResult(
            index=self.index,
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            vector=measured.vector,
            bias=measured.bias,
            score=scored.score,
            threshold=self.judge.threshold.value,
            level_score=level_score,
            level_threshold=None if self.spec.level is None else self.spec.level.threshold,
            anomaly=self.judge.anomalies.open is not None,
            reason=scored.reason,
            detail=detail,
            shares=scored.shares,
            gap=window.gap,
            clipped=window.clipped,
            event=event,
            utc_offset_ns=window.utc_offset_ns,
            velocity_mm_s=measured.velocity_mm_s,
            velocity_limit_mm_s=self.judge.limit_mm_s,
            sensed=measured.sensed,
        )
        self.index += 1
        return result
