"""From scores to alarms: threshold, level detector, limit, alarm rules, anomalies."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import AlarmRule, Anomalies, Detector, Event
from edge_agent.pipeline.level import LevelDetector
from edge_agent.pipeline.limit import RULE, velocity_meter
from edge_agent.pipeline.network_scorer import Scored
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.state import FlowMark, FlowState, unpack
from edge_agent.pipeline.threshold import Threshold
from edge_agent.pipeline.window import Window

_NAMED = 3  # features an event names


class Judge:
    """Says of each window whether it is abnormal, and keeps the anomaly that is open."""

    def __init__(self, spec: FlowSpec, limit_mm_s: float | None = None) -> None:
        """Prepare the detectors of ``spec``, and of the velocity where there is a limit of it.

        Raises:
            FeatureError: no velocity can be had from such windows.
        """
        self._names = spec.feature_names
        self._level_threshold = None if spec.level is None else spec.level.threshold
        self.threshold = Threshold(spec.threshold)
        self.level = None if spec.level is None else LevelDetector(spec.level)
        self.rules: dict[Detector, AlarmRule] = {"network": AlarmRule(spec.alarm)}
        if spec.level is not None:
            self.rules["level"] = AlarmRule(spec.level.alarm)
        self.limit_mm_s = limit_mm_s
        self._velocity = None if limit_mm_s is None else velocity_meter(spec.input)
        if limit_mm_s is not None:
            self.rules["limit"] = AlarmRule(RULE)
        self.anomalies = Anomalies()
        self.utc_offset_ns: int | None = None

    def velocity_mm_s(self, window: Window) -> NDArray[np.float32] | None:
        """Return what is held against the limit, float32 (channels measured,); None without one."""
        return None if self._velocity is None else self._velocity.measure(window.samples)

    def push(
        self,
        index: int,
        window: Window,
        steady: NDArray[np.float32],
        scored: Scored,
        velocity_mm_s: NDArray[np.float32] | None,
    ) -> tuple[float | None, Event | None]:
        """Return the level detector's score, and what the window changed of an anomaly.

        Args:
            index: of the window.
            window: its times.
            steady: its vector, float32 (F,), without what regime and season explain.
            scored: what the network says.
            velocity_mm_s: of the window, as measured here.
        """
        ratios: dict[Detector, float] = {}
        if scored.score is not None:
            ratios["network"] = self.threshold.push(scored.score)
        level_score, loudest = None, 0
        if self.level is not None and self._level_threshold is not None:
            level_score, loudest = self.level.push(steady)
            if scored.reason != "washout":
                ratios["level"] = level_score / self._level_threshold
        return level_score, self._event(index, window, ratios, scored, loudest, velocity_mm_s)

    def push_unscored(
        self, index: int, window: Window, velocity_mm_s: NDArray[np.float32] | None
    ) -> Event | None:
        """Return what a window that no model judged changed of an anomaly, by the limit alone."""
        if velocity_mm_s is None:
            return None
        return self._event(index, window, {}, Scored(None), 0, velocity_mm_s)

    def _event(
        self,
        index: int,
        window: Window,
        ratios: dict[Detector, float],
        scored: Scored,
        loudest: int,
        velocity_mm_s: NDArray[np.float32] | None,
    ) -> Event | None:
        if velocity_mm_s is not None and self.limit_mm_s is not None:
            ratios["limit"] = float(velocity_mm_s.max()) / self.limit_mm_s
        for name, ratio in ratios.items():
            self.rules[name].push(ratio)
        alarms = {name: rule.is_open for name, rule in self.rules.items()}
        told = self.anomalies.open is not None or any(alarms.values())
        return self.anomalies.push(
            ratios,
            alarms,
            (index, window.start_ns, window.end_ns),
            self._responsible(ratios, scored, loudest, velocity_mm_s) if told else (),
        )

    def follow_clock(self, utc_offset_ns: int) -> None:
        """Take note of a window's offset: where the wall clock was set, what is open lasts on."""
        before, self.utc_offset_ns = self.utc_offset_ns, utc_offset_ns
        if before is not None:
            self.anomalies.clock_set(utc_offset_ns - before)

    def restore(self, state: FlowState) -> None:
        """Continue from the ``state`` of a flow of the same bundle.

        Raises:
            ValueError: the state is another bundle's.
        """
        if (self.level is None) != (state.level is None) or not self._is_ruled_as(state):
            raise ValueError("state of another bundle: its detectors are others")
        if self.level is not None and state.level is not None:
            self.level.restore(unpack(state.level))
        self.threshold.restore(unpack(state.threshold))
        self.resume(state)

    def resume(self, told: FlowMark | FlowState) -> None:
        """Continue with the alarms and anomalies that a flow of the same bundle has ``told``.

        Raises:
            ValueError: they are another bundle's.
        """
        if not self._is_ruled_as(told):
            raise ValueError("mark of another bundle: its detectors are others")
        for name in told.rules.keys() & self.rules.keys():
            self.rules[name].restore(told.rules[name])
        self.anomalies.restore(told.anomalies)
        self.utc_offset_ns = told.utc_offset_ns

    def _is_ruled_as(self, told: FlowMark | FlowState) -> bool:
        """Say whether the bundle's detectors are the same; the limit is not the bundle's."""
        return told.rules.keys() - {"limit"} == self.rules.keys() - {"limit"}

    def succeed(self, told: FlowMark | FlowState) -> None:
        """Go on with the anomalies that a flow of another bundle has ``told``.

        One that is open is closed by nothing but calm as this bundle's detectors see it; what
        the other thresholds said of single windows counts for nothing here.
        """
        self.anomalies.restore(told.anomalies)
        self.utc_offset_ns = told.utc_offset_ns
        if "limit" in told.rules.keys() & self.rules.keys():  # the asset's, not the bundle's
            self.rules["limit"].restore(told.rules["limit"])
        if self.anomalies.open is None:
            return
        ringing = {name for name, rule in told.rules.items() if rule.is_open}
        for name in (ringing & self.rules.keys()) or {"network"}:
            self.rules[name].is_open = True

    def _responsible(
        self,
        ratios: dict[Detector, float],
        scored: Scored,
        loudest: int,
        velocity_mm_s: NDArray[np.float32] | None,
    ) -> tuple[tuple[str, float], ...]:
        furthest = max(ratios, key=lambda name: ratios[name], default=None)
        if furthest == "limit" and self._velocity is not None and velocity_mm_s is not None:
            channel = self._velocity.channels[int(np.argmax(velocity_mm_s))]
            return ((f"{channel}_velocity_rms", 1.0),)
        if furthest == "level":
            return ((self._names[loudest], 1.0),)
        if scored.shares is None:
            return ()
        order = np.argsort(scored.shares)[::-1][:_NAMED]
        return tuple((self._names[i], float(scored.shares[i])) for i in order)
