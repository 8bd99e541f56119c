"""What is known of each asset while the agent runs: written where it happens, read for status.

Every change of an asset's state is one line in the log, said here and nowhere else.
"""

import logging
from dataclasses import dataclass, field

import msgspec

from edge_agent.daemon.alarms.messages import Standing
from edge_agent.daemon.status_message import AssetState
from edge_agent.pipeline.alarm import OpenAnomaly
from edge_agent.pipeline.budget import BudgetSpec
from edge_agent.pipeline.result import WindowResult
from edge_agent.plugin import SensorInfo

_log = logging.getLogger(__name__)

_QUIET_PERIODS = 3.0
_QUIET_AT_LEAST_S = 5.0
_DELIVERING = ("running", "commissioning")


class Commissioning(msgspec.Struct, frozen=True, kw_only=True):
    """How far the commissioning of an asset has come.

    Attributes:
        windows: of the running machine so far.
        wanted: that are needed.
        computing: they are being learned from.
        refused: why the last attempt came to nothing.
    """

    windows: int
    wanted: int
    computing: bool
    refused: str | None

    def __str__(self) -> str:
        """In tenths, so that it is news ten times and not with every window."""
        if self.computing:
            return f"learning from {self.wanted} windows"
        tenth = max(1, self.wanted // 10)
        said = f"{self.windows // tenth * tenth} of {self.wanted} windows"
        return said if self.refused is None else f"refused: {self.refused}; again after {said}"


@dataclass(slots=True)
class AssetRecord:
    """One asset, whatever became of it.

    Attributes:
        name: of the asset.
        sensor: name of its sensor plugin.
        state: ``running`` becomes ``no_data`` by itself when blocks stay away; see AssetStatus.
        reason: why it is not running.
        info: what its sensor delivers, None before it was opened.
        sensor_version: of the plugin, None where it could not be loaded.
        model: name and version of its bundle.
        model_sha256: of its bundle.
        model_id: by which the ledger counts what it scored, see LoadedBundle.model_id.
        budget: what false alarms its thresholds stand for, None where nothing tells.
        block_interval_s: seconds from one block to the next, as far as known.
        last_block_s: when the last block came, or the sensor was opened; monotonic.
        blocks: that came.
        restarts: of the sensor after it failed.
        windows: that were cut.
        scored: windows that have a score.
        last_reason: why the last window was not scored.
        last_detail: more on it, for a person.
        score: of the last window.
        threshold: likewise.
        level_score: likewise.
        level_threshold: likewise.
        velocity_mm_s: largest of the channels in the last window; None where there is no limit.
        velocity_limit_mm_s: the limit.
        model_overlay: digest of what a general bundle was commissioned to, None where it was not.
        commissioning: that is under way, None where none is.
        is_listening: nothing is scored until the asset is commissioned.
        open: the anomaly that is open.
        responsible: the features most responsible for it, with their shares.
        standing: whether somebody is to be called for it.
        last_end_ns: end of the last window.
        flow_s: time that the last block took from window to alarm.
        flow_max_s: longest such time.
        flow_total_s: sum of such times.
    """

    name: str
    sensor: str
    state: AssetState = "starting"
    reason: str | None = None
    info: SensorInfo | None = None
    sensor_version: str | None = None
    model: str | None = None
    model_sha256: str | None = None
    model_overlay: str | None = None
    model_id: str | None = None
    budget: BudgetSpec | None = None
    block_interval_s: float | None = None
    last_block_s: float = 0.0
    blocks: int = 0
    restarts: int = 0
    windows: int = 0
    scored: int = 0
    last_reason: str | None = None
    last_detail: str | None = None
    score: float | None = None
    threshold: float | None = None
    level_score: float | None = None
    level_threshold: float | None = None
    velocity_mm_s: float | None = None
    velocity_limit_mm_s: float | None = None
    commissioning: Commissioning | None = None
    is_listening: bool = False
    open: OpenAnomaly | None = None
    responsible: tuple[tuple[str, float], ...] = ()
    standing: Standing = field(default_factory=Standing)
    last_end_ns: int | None = None
    flow_s: float = 0.0
    flow_max_s: float = 0.0
    flow_total_s: float = 0.0

    def block_came(self, now_s: float) -> None:
        """Note a block."""
        if self.blocks and self.block_interval_s is None:
            self.block_interval_s = now_s - self.last_block_s
        self.last_block_s = now_s
        self.blocks += 1
        if self.state == "no_data":
            self._become("running", None)

    def block_done(self, took_s: float) -> None:
        """Note how long a block took from window to alarm."""
        self.flow_s = took_s
        self.flow_max_s = max(self.flow_max_s, took_s)
        self.flow_total_s += took_s

    def window_came(self, result: WindowResult, anomaly: OpenAnomaly | None) -> None:
        """Note a window, and the anomaly that is open after it."""
        self.windows += 1
        self.scored += result.score is not None
        self._note_regime(result)
        self.last_reason, self.last_detail = result.reason, result.detail
        self.score, self.threshold = result.score, result.threshold
        self.level_score, self.level_threshold = result.level_score, result.level_threshold
        velocity = result.velocity_mm_s
        self.velocity_mm_s = None if velocity is None else float(velocity.max())
        self.velocity_limit_mm_s = result.velocity_limit_mm_s
        self.last_end_ns = result.end_ns
        self.open = anomaly
        if result.event is not None:
            self.responsible = tuple(result.event.features)

    def commission(self, progress: Commissioning, *, listening: bool) -> None:
        """Note how far it has come; ``listening``: nothing is scored until it is done."""
        self.commissioning, self.is_listening = progress, listening
        if listening and self.state in ("running", "commissioning"):
            self._become("running", None)

    def commissioned(self) -> None:
        """Note that it is done, and that windows are scored from now on."""
        self.commissioning, self.is_listening = None, False
        if self.state == "commissioning":
            self._become("running", None)

    def _note_regime(self, result: WindowResult) -> None:
        """Say once that nothing was ever learned of this speed or load: it is not watched there."""
        was, is_now = self.last_reason == "regime", result.reason == "regime"
        if is_now and not was:
            said = f"a regime never seen, not judged: {result.detail}"
        elif was and result.score is not None:
            said = "in a regime that is known again"
        else:
            return
        extra = {"asset": self.name, "event": "asset_regime"}
        _log.info("asset %s: %s", self.name, said, extra=extra)

    def enter(self, state: AssetState, reason: str | None, now_s: float) -> None:
        """Note a change of state; a sensor that runs has from now on to deliver."""
        self.last_block_s = now_s
        self._become(state, reason)

    def notice_silence(self, now_s: float) -> None:
        """A sensor that works but delivers nothing is not failed, and not running either."""
        allowed_s = max(_QUIET_AT_LEAST_S, _QUIET_PERIODS * (self.block_interval_s or 0.0))
        quiet_s = now_s - self.last_block_s
        if self.state in (*_DELIVERING, "sensor_fault") and quiet_s > allowed_s:
            self._become("no_data", f"no block for more than {allowed_s:.0f} s")

    def signal_judged(self, fault: str | None) -> None:
        """Note whether the last window was a signal at all; ``fault`` says why it was none."""
        if fault is not None and self.state in (*_DELIVERING, "sensor_fault"):
            self._become("sensor_fault", fault)
        elif fault is None and self.state == "sensor_fault":
            self._become("running", None)

    def _become(self, state: AssetState, reason: str | None) -> None:
        if state == "running" and self.is_listening and self.commissioning is not None:
            state, reason = "commissioning", str(self.commissioning)
        if (state, reason) == (self.state, self.reason):
            return  # a device that is tried again every minute is no news every minute
        self.state, self.reason = state, reason
        said = self._delivers() if state == "running" else reason
        level = logging.WARNING if state in ("failed", "sensor_fault") else logging.INFO
        _log.log(
            level,
            "asset %s: sensor %s %s: %s",
            self.name,
            self.sensor,
            state.replace("_", " "),
            said,
            extra={"asset": self.name, "event": f"asset_{state}"},
        )

    def _delivers(self) -> str:
        """Say what comes from the sensor, and what judges it."""
        bundle = f"bundle {self.model or 'unknown'}"
        if self.info is None:
            return bundle
        rate = "no rate" if self.info.rate_hz is None else f"{self.info.rate_hz:g} Hz"
        channels = ", ".join(self.info.channels)
        return f"channels {channels}; {rate}; unit {self.info.unit or 'unknown'}; {bundle}"
