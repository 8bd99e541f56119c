"""A machine that is already bad is not commissioned in silence."""

from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import apply_overlay, decode_overlay
from edge_agent.daemon.commissioning.compute import Order, Outcome, compute, run_child
from edge_agent.daemon.commissioning.listening import listen
from edge_agent.daemon.commissioning.overlays import overlays_in, tried_overlays_in
from edge_agent.daemon.config.settings import Asset, RecorderSettings, SensorSettings
from edge_agent.daemon.recorder import Recorder, layout_of
from edge_agent.daemon.recorder.rows import make_row
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.window import Window
from edge_agent.plugin import SensorInfo

Vibration = Callable[..., NDArray[np.float32]]
Commission = Callable[..., Outcome]

WINDOWS = 200
LENGTH = 256
RATE_HZ = 1024.0
PERIOD_NS = 60_000_000_000
RANGE_G = 8.0


@pytest.fixture
def commission(tmp_path: Path, general_bundle_file: Path, vibration: Vibration) -> Commission:
    """``commission(gain=..., limit_mm_s=None, **order)``: of a machine that shakes by ``gain``.

    ``gain`` is a number per window, float (n,).
    """

    def commissioned(
        gain: Any,
        *,
        rate_hz: float = RATE_HZ,
        length: int = LENGTH,
        limit_mm_s: float | None = None,
        maintenance: Container[int] = (),
        child: bool = False,
        **order: Any,
    ) -> Outcome:
        asset = Asset(name="pump-1", bundle="general", sensor=SensorSettings(plugin="bench"))
        bundle = Bundle.read(general_bundle_file)
        info = SensorInfo(("x",), rate_hz, "g", RANGE_G, 60.0)
        listening = listen(bundle, asset).settle(info, length)
        flow = listening.flow(RANGE_G, limit_mm_s)
        signal = vibration(len(gain), seed=9, length=length).reshape(-1, length, 1)
        recorder = Recorder(tmp_path / "recorder", RecorderSettings(max_mb=1.0))
        recorder.watch("pump-1", 0)
        loud = signal * np.asarray(gain)[:, None, None]
        _record(recorder, flow, loud, listening.manifest, maintenance)
        ordered = dict[str, Any](
            asset="pump-1",
            sensor="bench",
            bundle=str(general_bundle_file),
            sha256=bundle.sha256,
            recorder=str(tmp_path / "recorder"),
            first=0,
            end=len(gain),
            input=flow.spec.input,
            features=flow.spec.features,
            names=flow.spec.feature_names,
            limit_mm_s=limit_mm_s,
        )
        made = Order(**(ordered | order))
        return run_child(made) if child else compute(made)

    return commissioned


def _record(
    recorder: Recorder,
    flow: Flow,
    signal: NDArray[np.float32],
    manifest: Any,
    maintenance: Container[int],
) -> None:
    layout = layout_of("pump-1", "bench", manifest)
    for i, samples in enumerate(np.clip(signal, -RANGE_G, RANGE_G).astype(np.float32)):
        clipped = bool(np.abs(samples).max() >= 0.999 * RANGE_G)
        start_ns = i * PERIOD_NS
        window = Window(samples, start_ns, start_ns + 250_000_000, gap=i == 0, clipped=clipped)
        result = flow.push_window(window)
        assert result.reason == "commissioning"
        recorder.write(make_row(layout, result, "boot", maintenance=i in maintenance))


def spread(seed: int = 3) -> NDArray[np.float64]:
    """What the level of a healthy machine does from window to window."""
    gain: NDArray[np.float64] = np.exp(0.03 * np.random.default_rng(seed).standard_normal(WINDOWS))
    return gain


def test_a_healthy_machine_is_commissioned_from_its_recorded_windows(
    commission: Commission, general_bundle_file: Path
) -> None:
    outcome = commission(spread(), child=True)
    assert outcome.refused is None
    assert outcome.overlay is not None
    overlay = decode_overlay(outcome.overlay.encode())
    assert (overlay.healthy, overlay.windows, overlay.sensor) == ((0, WINDOWS), WINDOWS, "bench")
    assert overlay.flow.input.channels == ("x",)
    loaded = apply_overlay(overlay, Bundle.read(general_bundle_file))
    assert loaded.overlay == overlay.digest


def test_a_few_odd_windows_are_left_out(commission: Commission) -> None:
    gain = spread()
    gain[[20, 77, 130]] *= 5.0
    outcome = commission(gain)
    assert (outcome.refused, outcome.odd) == (None, 3)
    assert outcome.overlay is not None
    assert decode_overlay(outcome.overlay.encode()).windows == WINDOWS - 3


def test_what_was_sampled_while_somebody_worked_on_the_machine_teaches_nothing(
    commission: Commission,
) -> None:
    gain = spread()
    gain[40:60] *= 9.0
    outcome = commission(gain, maintenance=range(40, 60))
    assert (outcome.refused, outcome.odd) == (None, 0)
    assert outcome.overlay is not None
    assert decode_overlay(outcome.overlay.encode()).windows == WINDOWS - 20


def test_a_trend_is_refused(commission: Commission) -> None:
    outcome = commission(spread() * np.linspace(1.0, 1.6, WINDOWS))
    assert outcome.overlay is None
    assert outcome.refused is not None
    assert outcome.refused.startswith("trend: x_rms changes by +")


def test_a_machine_that_runs_in_is_refused_as_well(commission: Commission) -> None:
    outcome = commission(spread() * np.linspace(1.6, 1.0, WINDOWS))
    assert outcome.refused is not None
    assert outcome.refused.startswith("trend: x_rms changes by -")


def test_bursts_are_refused(commission: Commission) -> None:
    gain = spread()
    gain[np.random.default_rng(4).choice(WINDOWS, 16, replace=False)] *= 4.0
    outcome = commission(gain)
    assert outcome.refused is not None
    assert outcome.refused.startswith("bursts: 16 of 200 windows are far from the others")


def test_saturation_is_refused(commission: Commission) -> None:
    outcome = commission(spread() * 30.0)
    assert outcome.refused is not None
    assert outcome.refused.startswith("saturation: ")
    assert "allowed: at most 10%" in outcome.refused


def test_a_velocity_above_the_limit_is_refused(commission: Commission) -> None:
    outcome = commission(spread(), rate_hz=2560.0, length=2560, limit_mm_s=1.0)
    assert outcome.refused is not None
    assert outcome.refused.startswith("velocity above the limit: 200 of 200 windows, median ")
    assert outcome.refused.endswith("allowed: 1 mm/s")
    assert commission(spread(), rate_hz=2560.0, length=2560, limit_mm_s=10.0).refused is None


def test_too_few_windows_for_the_budget_are_refused(commission: Commission) -> None:
    outcome = commission(spread(), false_alarms_per_month=0.01)
    assert outcome.refused is not None
    assert "the false-alarm budget cannot be met" in outcome.refused


def test_too_few_windows_at_all_are_refused(commission: Commission) -> None:
    outcome = commission(spread()[:15])
    assert outcome.refused is not None
    assert "allowed: at least 20" in outcome.refused


def test_a_machine_that_mostly_rests_has_no_one_level_and_is_refused(
    commission: Commission,
) -> None:
    gain = spread()
    gain[:120] *= 0.05
    outcome = commission(gain)
    assert outcome.refused is not None
    assert outcome.refused.startswith("spread: x_rms differs by a factor of 2")


def test_a_file_that_has_become_another_is_refused(commission: Commission) -> None:
    outcome = commission(spread(), sha256="0" * 64)
    assert outcome.refused is not None
    assert outcome.refused.endswith("has become another file meanwhile")


def test_a_recording_of_other_features_is_refused(commission: Commission) -> None:
    outcome = commission(spread(), names=("x_rms",))
    assert outcome.refused == "the flight recorder holds no windows of these features"


def test_bundles_on_trial_do_not_cost_an_asset_the_overlay_in_use(
    commission: Commission, tmp_path: Path, general_bundle_file: Path
) -> None:
    outcome = commission(np.ones(WINDOWS))
    assert outcome.overlay is not None
    in_use = decode_overlay(outcome.overlay.encode())
    overlays_in(tmp_path).keep("pump-1", in_use)
    tried = tried_overlays_in(tmp_path)
    for digit in "ab":  # two networks, one after the other
        other = msgspec.structs.replace(in_use, model_sha256=digit * 64)
        tried.keep("pump-1", msgspec.structs.replace(other, digest=other.computed_digest()))
    bundle = Bundle.read(general_bundle_file)
    for overlays in (overlays_in(tmp_path), tried):
        assert overlays.of("pump-1", "bench", bundle) == in_use
        assert overlays.newest("pump-1") == in_use


def test_no_asset_gets_the_overlay_that_another_one_had_before(
    commission: Commission, tmp_path: Path, general_bundle_file: Path
) -> None:
    outcome = commission(np.ones(WINDOWS))
    assert outcome.overlay is not None
    first = decode_overlay(outcome.overlay.encode())
    second = msgspec.structs.replace(first, model_sha256="a" * 64)
    overlays = overlays_in(tmp_path)
    overlays.keep("pump-1", first)
    overlays.keep("pump-1", msgspec.structs.replace(second, digest=second.computed_digest()))
    bundle = Bundle.read(general_bundle_file)
    assert overlays.of("pump-1", "bench", bundle) == first
    assert overlays.of("pump-1.before", "bench", bundle) is None


def test_the_overlay_of_a_bundle_on_trial_is_computed_once(
    commission: Commission, tmp_path: Path, general_bundle_file: Path
) -> None:
    outcome = commission(np.ones(WINDOWS))
    assert outcome.overlay is not None
    overlay = decode_overlay(outcome.overlay.encode())
    tried_overlays_in(tmp_path).keep("pump-1", overlay)
    bundle = Bundle.read(general_bundle_file)
    assert tried_overlays_in(tmp_path).of("pump-1", "bench", bundle) == overlay
    assert overlays_in(tmp_path).of("pump-1", "bench", bundle) is None
