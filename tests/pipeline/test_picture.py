from typing import ClassVar

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.fault_lines import line_picture
from edge_agent.pipeline.healthy import Healthy, learned
from edge_agent.pipeline.picture import Camera
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.plugin import Fault, FaultLine, LineSpectrum

STEP_HZ = 2.0
FAULT = Fault(
    "BPFO", "outer race", (FaultLine(1, 100.0, 96.0, 104.0), FaultLine(2, 200.0, 196.0, 204.0))
)


def spectrum(*peaks: tuple[float, float]) -> LineSpectrum:
    amplitudes = np.ones((1, 150), np.float32)
    for at_hz, height in peaks:
        amplitudes[0, round(at_hz / STEP_HZ)] = height
    return LineSpectrum("envelope", STEP_HZ, amplitudes, (FAULT,))


class TestFaultLines:
    HEALTHY: ClassVar[NDArray[np.float32]] = np.ones(150, np.float32)

    def test_lines_that_stand_out_make_a_candidate_and_are_measured_where_they_are(self) -> None:
        (fault,) = line_picture(spectrum((102.0, 20.0), (200.0, 10.0)), 0, self.HEALTHY).faults
        assert fault.candidate
        assert (fault.prominence, fault.healthy) == (15.0, 1.0)
        assert [line.found_hz for line in fault.lines] == [102.0, 200.0]

    def test_a_line_that_was_always_there_makes_none(self) -> None:
        seen = spectrum((100.0, 20.0), (200.0, 10.0))
        (fault,) = line_picture(seen, 0, seen.amplitudes[0]).faults
        assert not fault.candidate
        assert fault.healthy == fault.prominence

    def test_a_peak_beside_the_lines_makes_none(self) -> None:
        (fault,) = line_picture(spectrum((150.0, 50.0)), 0, None).faults
        assert (fault.candidate, fault.healthy) == (False, None)

    def test_a_long_spectrum_is_shown_by_its_peaks_and_measured_line_by_line(self) -> None:
        amplitudes = np.ones((1, 6000), np.float32)
        amplitudes[0, 51] = 30.0
        picture = line_picture(LineSpectrum("envelope", STEP_HZ, amplitudes, (FAULT,)), 0, None)
        assert len(picture.now.values()) == 600
        assert picture.step_hz == 10 * STEP_HZ
        assert picture.now.values()[5] == pytest.approx(30.0, rel=1e-3)
        assert picture.faults[0].lines[0].found_hz == 102.0


def learn(camera: Camera, samples: NDArray[np.float32], names: tuple[str, ...]) -> Healthy:
    values = np.ones(len(names), np.float32)
    healthy: Healthy | None = None
    for window in samples:
        healthy = learned(healthy, names, camera.take(window, values, 128)[0], 0)
    assert healthy is not None
    return healthy


def test_a_tone_that_is_new_stands_above_the_healthy_spectrum(flow_spec: FlowSpec) -> None:
    rate_hz, length = 1024.0, 256
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((21, length, 1)).astype(np.float32)
    camera = Camera(flow_spec)
    healthy = learn(camera, noise[:20], flow_spec.feature_names)
    tone = 5.0 * np.sin(2 * np.pi * 200.0 * np.arange(length) / rate_hz)

    values = np.ones(11, np.float32)
    (picture,) = camera.pictures(noise[20] + tone[:, None].astype(np.float32), values, healthy, 128)

    assert picture.now_db is not None
    assert picture.healthy_db is not None
    rise = picture.now_db.values() - picture.healthy_db.values()
    band = int(np.argmax(rise))
    edges = camera.edges_hz
    assert edges[band] - 4.0 <= 200.0 <= edges[band + 1] + 4.0
    assert picture.name == "x"
    assert picture.rms == pytest.approx(np.sqrt(1 + 12.5), rel=0.1)
    assert picture.healthy_waveform is not None
    assert len(picture.waveform.values.values()) <= 128


def test_what_was_learned_from_other_windows_is_not_set_beside(flow_spec: FlowSpec) -> None:
    camera = Camera(flow_spec)
    windows = np.random.default_rng(1).standard_normal((1, 256, 1)).astype(np.float32)
    healthy = learn(camera, windows, flow_spec.feature_names)
    longer = msgspec.structs.replace(flow_spec.input, length=512)
    other = Camera(msgspec.structs.replace(flow_spec, input=longer))

    (picture,) = other.pictures(
        np.concatenate((windows[0], windows[0])), np.ones(11, np.float32), healthy, 128
    )

    assert picture.healthy_db is None
    assert picture.healthy_waveform is None


def test_without_a_rate_there_is_a_waveform_and_no_spectrum(flow_spec: FlowSpec) -> None:
    silent = msgspec.structs.replace(flow_spec.input, rate_hz=None, period_s=1.0)
    camera = Camera(msgspec.structs.replace(flow_spec, input=silent))
    window = np.random.default_rng(1).standard_normal((256, 1)).astype(np.float32)

    (picture,) = camera.pictures(window, np.ones(11, np.float32), None, 128)

    assert camera.edges_hz == ()
    assert (picture.now_db, picture.waveform.step_s) == (None, None)
