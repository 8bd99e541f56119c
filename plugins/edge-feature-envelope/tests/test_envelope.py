"""A simulated defect raises its own line, and what cannot be computed is refused."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from edge_feature_envelope import Envelope, EnvelopeOptions
from numpy.typing import NDArray

from edge_agent.plugin import CentredWindow, FeatureError, FeatureInput, ShowsLines, load
from edge_agent.testing import check_feature

RATE_HZ = 20000.0
LENGTH = 20480
OPTIONS = {
    "band_low_hz": 2000.0,
    "band_high_hz": 5000.0,
    "shaft_hz": 29.95,
    "rollers": 9,
    "pitch_mm": 39.04,
    "roller_mm": 7.94,
}
GIVEN = FeatureInput(LENGTH, RATE_HZ, "g", ("x",))


def configured(**changes: Any) -> EnvelopeOptions:
    return msgspec.convert(OPTIONS | changes, EnvelopeOptions)


def lines(samples: NDArray[np.float64], **changes: Any) -> dict[str, float]:
    """Return the feature's outputs for one channel."""
    feature = Envelope(configured(**changes), FeatureInput(len(samples), RATE_HZ, "g", ("x",)))
    window = CentredWindow(samples.astype(np.float32)[:, None])
    return dict(zip(feature.outputs, feature.compute(window)[0].tolist(), strict=True))


def machine(seed: int = 0, length: int = LENGTH) -> NDArray[np.float64]:
    """Return a healthy machine: noise of 0.1 g, an unbalanced shaft, gravity."""
    noise = np.random.default_rng(seed).standard_normal(length)
    shaft = np.sin(2 * np.pi * 29.95 * np.arange(length) / RATE_HZ)
    samples: NDArray[np.float64] = 1.0 + 0.1 * noise + 0.3 * shaft
    return samples


def blows(
    at_hz: float,
    height_g: float = 0.3,
    *,
    loading: Callable[[float], float] = lambda _: 1.0,
    slip: float = 0.01,
    length: int = LENGTH,
) -> NDArray[np.float64]:
    """Return a defect struck ``at_hz``: ringing at 3.5 kHz, with the jitter of slipping rollers.

    ``loading`` scales the blow struck at a given time, as the turning load zone does.
    """
    rng = np.random.default_rng(9)
    time_s = np.arange(200) / RATE_HZ
    ring = np.exp(-time_s * 1200) * np.sin(2 * np.pi * 3500 * time_s)
    struck = np.zeros(length + len(ring))
    at_s = 0.001
    while at_s * RATE_HZ < length:
        start = int(at_s * RATE_HZ)
        struck[start : start + len(ring)] += height_g * loading(at_s) * ring
        at_s += (1 + slip * rng.standard_normal()) / at_hz
    return struck[:length]


FAULT_HZ = {
    name: 29.95 * order for name, order in configured().orders._asdict().items() if name != "ftf"
}


@pytest.mark.parametrize("fault", ["bpfo", "bpfi"])
def test_a_race_defect_raises_its_own_line_fourfold_and_no_other_by_half(fault: str) -> None:
    healthy, faulty = lines(machine()), lines(machine() + blows(FAULT_HZ[fault]))
    assert faulty[fault] > 4 * healthy[fault]
    others = FAULT_HZ.keys() - {fault}
    assert all(faulty[other] < 1.5 * healthy[other] for other in others), (healthy, faulty)


def test_a_roller_defect_raises_its_own_line_fourfold_and_far_above_the_others() -> None:
    healthy, faulty = lines(machine()), lines(machine() + blows(FAULT_HZ["bsf"]))
    assert faulty["bsf"] > 4 * healthy["bsf"]
    assert faulty.pop("bsf") > 3 * max(faulty.values())


def test_a_cage_that_modulates_raises_its_line() -> None:
    cage_hz = 29.95 * configured().orders.ftf
    ringing = blows(500.0, 0.5, loading=lambda s: 1 + np.sin(2 * np.pi * cage_hz * s))
    healthy, faulty = lines(machine()), lines(machine() + ringing)
    assert faulty["ftf"] > 3 * healthy["ftf"]


def test_a_healthy_machine_shows_no_line() -> None:
    for seed in range(5):
        assert max(lines(machine(seed)).values()) < 4


def test_the_numbers_do_not_depend_on_gain_or_offset() -> None:
    faulty = machine() + blows(FAULT_HZ["bpfo"])
    assert lines(100 * faulty - 7) == pytest.approx(lines(faulty), rel=1e-3)


def test_what_lies_outside_the_band_is_not_demodulated() -> None:
    faulty = machine() + blows(FAULT_HZ["bpfo"])
    time_s = np.arange(LENGTH) / RATE_HZ
    loud = (1 + np.cos(2 * np.pi * FAULT_HZ["bpfi"] * time_s)) * np.sin(2 * np.pi * 900 * time_s)
    assert lines(faulty + 5 * loud) == pytest.approx(lines(faulty), rel=0.05)


def test_orders_and_geometry_of_one_bearing_give_the_same() -> None:
    faulty = machine() + blows(FAULT_HZ["bpfo"])
    orders = {f"{k}_order": v for k, v in configured().orders._asdict().items()}
    nothing: dict[str, Any] = dict.fromkeys(("rollers", "pitch_mm", "roller_mm"))
    assert lines(faulty, **orders, **nothing) == lines(faulty)


def test_the_envelope_is_that_of_the_hilbert_transform() -> None:
    """The short transform back must agree with the textbook's: two-sided, at the full rate."""
    faulty = machine() + blows(FAULT_HZ["bpfo"])
    centred = faulty - faulty.mean()
    frequency_hz = np.fft.fftfreq(LENGTH, 1 / RATE_HZ)
    inside = (frequency_hz >= 2000) & (frequency_hz <= 5000)
    position = (np.arange(inside.sum()) + 0.5) / inside.sum()
    edges = np.minimum(np.minimum(position, 1 - position) / 0.1, 1)
    spectrum = np.fft.fft(centred)
    spectrum[~inside] = 0
    spectrum[inside] *= 0.5 - 0.5 * np.cos(np.pi * edges)
    envelope = np.abs(np.fft.ifft(spectrum))
    tapered = (envelope - envelope.mean()) * np.hanning(LENGTH + 1)[:-1]
    amplitude = np.abs(np.fft.rfft(tapered))
    spacing_hz = RATE_HZ / LENGTH

    def peak(hertz: float) -> float:
        found = np.arange(len(amplitude)) * spacing_hz
        near = np.abs(found - hertz) <= max(0.02 * hertz, spacing_hz) + spacing_hz / 2
        return float(amplitude[near].max())

    highest = int(3 * 1.02 * FAULT_HZ["bpfi"] / spacing_hz + 1.5)
    background = float(np.median(amplitude[1:highest]))
    # Of this bearing's BPFO only the first line stands apart, of its BPFI the first and third.
    assert lines(faulty)["bpfo"] == pytest.approx(peak(FAULT_HZ["bpfo"]) / background, rel=0.01)
    inner = np.mean([peak(harmonic * FAULT_HZ["bpfi"]) for harmonic in (1, 3)])
    assert lines(faulty)["bpfi"] == pytest.approx(inner / background, rel=0.01)


@pytest.mark.parametrize("level", [0.0, 9.81])
def test_a_flat_window_gives_0(level: float) -> None:
    assert lines(np.full(LENGTH, level)) == dict.fromkeys(("bpfo", "bpfi", "bsf", "ftf"), 0.0)


@pytest.mark.parametrize(
    ("given", "changes", "message"),
    [
        (FeatureInput(LENGTH, None, "g", ("x",)), {}, "needs the sampling rate: found none"),
        (
            FeatureInput(LENGTH, 8000.0, "g", ("x",)),
            {},
            "half the sampling rate, 4000 Hz: found 5000 Hz",
        ),
        (
            FeatureInput(4096, RATE_HZ, "g", ("x",)),
            {},
            r"too short to tell bpfo 107.* Hz.*: found 4096 samples at 20000 Hz, needed: \d+ sam",
        ),
        (GIVEN, {"band_low_hz": 4700.0}, r"band of 300 Hz cannot hold .* 3 x 162.2 Hz"),
        (
            GIVEN,
            {
                "rollers": None,
                "pitch_mm": None,
                "roller_mm": None,
                "bpfo_order": 4.0,
                "bpfi_order": 4.0,
                "bsf_order": 2.0,
                "ftf_order": 0.4,
            },
            "needed: no window",
        ),
    ],
)
def test_windows_in_which_the_lines_cannot_be_found_are_refused(
    given: FeatureInput, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        Envelope(configured(**changes), given)


def test_the_length_that_a_refusal_names_will_do() -> None:
    with pytest.raises(FeatureError) as caught:
        Envelope(configured(), FeatureInput(100, RATE_HZ, "g", ("x",)))
    needed = int(str(caught.value).split("needed: ")[1].split(" ")[0])
    Envelope(configured(), FeatureInput(needed, RATE_HZ, "g", ("x",)))
    with pytest.raises(FeatureError):
        Envelope(configured(), FeatureInput(needed - 1, RATE_HZ, "g", ("x",)))


def test_it_keeps_the_promises_of_a_feature() -> None:
    check_feature(Envelope, OPTIONS, FeatureInput(8192, RATE_HZ, "g", ("x", "y", "z")))


def test_it_is_found_by_its_entry_point() -> None:
    assert load("features", "envelope") is Envelope


def test_the_sample_is_valid() -> None:
    text = (Path(__file__).parents[1] / "sample.toml").read_text()
    (feature,) = tomllib.loads(text)["features"]["plugins"]
    assert feature["plugin"] == "envelope"
    assert msgspec.convert(feature["options"], EnvelopeOptions).orders.bpfo > 3


def test_its_lines_stand_where_a_defect_strikes() -> None:
    orders = configured().orders
    at_hz = orders.bpfo * 29.95
    samples = (machine() + blows(at_hz)).astype(np.float32)[:, None]
    feature = Envelope(configured(), GIVEN)
    assert isinstance(feature, ShowsLines)

    shown = feature.line_spectrum(CentredWindow(samples))

    (outer,) = (fault for fault in shown.faults if fault.name == "BPFO")
    assert (outer.part, outer.lines[0].harmonic) == ("outer race", 1)
    assert outer.lines[0].expected_hz == pytest.approx(at_hz)
    amplitudes = shown.amplitudes[0]
    low, high = (
        round(hz / shown.step_hz) for hz in (outer.lines[0].low_hz, outer.lines[0].high_hz)
    )
    found_hz = (low + int(np.argmax(amplitudes[low : high + 1]))) * shown.step_hz
    assert found_hz == pytest.approx(at_hz, rel=0.02)
    assert amplitudes[low : high + 1].max() > 5 * np.median(amplitudes[1:])
    assert {fault.name for fault in shown.faults} == {"BPFO", "BPFI", "BSF", "FTF"}
