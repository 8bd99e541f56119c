"""Snapshots of an asset that failed, as the agent makes them."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.daemon.messages import AnomalyEvent, HealthyPeriod, Snapshot
from edge_agent.pipeline.compact import curve, waveform
from edge_agent.pipeline.evidence import FeatureEvidence
from edge_agent.pipeline.fault_lines import FaultEvidence, LineEvidence, LinePicture
from edge_agent.pipeline.picture import ChannelPicture
from edge_agent.pipeline.spectrum import BandSpectrum

RATE_HZ, LENGTH = 25600.0, 2560


def feature(name: str, value: float, share: float | None = None) -> FeatureEvidence:
    return FeatureEvidence(
        name=name,
        share=share,
        value=value,
        unit="g",
        channel=name.partition("_")[0],
        healthy_low=0.9,
        healthy_median=1.0,
        healthy_high=1.1,
    )


def _channel(name: str, at_hz: float) -> ChannelPicture:
    rng = np.random.default_rng(3)
    bands = BandSpectrum(RATE_HZ, LENGTH)
    noise = rng.standard_normal((20, LENGTH)).astype(np.float32)
    tone = 3 * np.sin(2 * np.pi * at_hz * np.arange(LENGTH) / RATE_HZ)
    now: NDArray[np.float32] = (noise[0] + tone).astype(np.float32)
    healthy = bands.levels_db(noise)
    return ChannelPicture(
        name=name,
        rms=2.3,
        now_db=curve(bands.levels_db(now[None])[0]),
        healthy_db=curve(healthy.mean(axis=0)),
        healthy_spread_db=curve(healthy.std(axis=0)),
        waveform=waveform(now, RATE_HZ, 512),
        healthy_waveform=waveform(noise[1], RATE_HZ, 512),
        lines=(_lines(),),
    )


def _lines() -> LinePicture:
    line = LineEvidence(harmonic=1, expected_hz=107.4, found_hz=108.0, prominence=18.0, healthy=2.0)
    faults = [
        FaultEvidence(
            name=name,
            part=part,
            candidate=name == "BPFO",
            prominence=18.0 if name == "BPFO" else 2.0,
            healthy=2.0,
            lines=(line,),
        )
        for name, part in (("BPFO", "outer race"), ("BPFI", "inner race"))
    ]
    return LinePicture(
        title="envelope of 2000 to 5000 Hz",
        step_hz=1.0,
        now=curve(np.ones(300)),
        healthy=curve(np.ones(300)),
        faults=tuple(faults),
    )


@pytest.fixture
def snapshot() -> Snapshot:
    """Two channels; the first has a tone of 3 kHz that was not there in health."""
    envelope = {
        "seq": 0,
        "session": "s",
        "gateway": "gw-1",
        "start": "2026-01-31T03:36:50.000000Z",
        "end": "2026-01-31T03:36:50.100000Z",
        "time_quality": "synchronised",
    }
    event = msgspec.convert(
        {
            "schema": "edge-agent/anomaly/1",
            **envelope,
            "id": "e",
            "asset": "pump-1",
            "event": "open",
            "level": "alarm",
            "state": "open",
            "group": None,
            "index": 1300,
            "anomaly_id": "0123456789abcdef0123456789abcdef",
            "number": 7,
            "detector": "network",
            "opened": "2026-01-31T03:36:50.000000Z",
            "closed": None,
            "severity": 2.4,
            "score": 7.2,
            "threshold": 3.0,
            "level_score": 1.0,
            "level_threshold": 4.0,
            "features": [],
            "model_sha256": "f" * 64,
        },
        AnomalyEvent,
    )
    responsible = (feature("x_kurtosis", 4.0, 0.7), feature("x_band_energy_1", 3.0, 0.3))
    event = msgspec.structs.replace(event, features=responsible)
    return Snapshot(
        **envelope,  # type: ignore[arg-type] # each is of its type
        id="s",
        asset="pump-1",
        event=event,
        others=(feature("x_rms", 2.3),),
        healthy=HealthyPeriod(
            windows=256, start="2026-01-01T00:00:00Z", end="2026-01-08T00:00:00Z"
        ),
        model="pump 1.4.0",
        unit="g",
        rate_hz=RATE_HZ,
        edges_hz=tuple(BandSpectrum(RATE_HZ, LENGTH).edges_hz.tolist()),
        channels=(_channel("x", 3000.0), _channel("y", 3000.0)),
        channels_left_out=(),
    )


@pytest.fixture
def message(snapshot: Snapshot, tmp_path: Path) -> Path:
    """The message in a file, as a subscriber would have written it."""
    path = tmp_path / "message.json"
    path.write_bytes(msgspec.json.encode(snapshot))
    return path
