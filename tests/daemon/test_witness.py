from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from desks import desk_in
from numpy.typing import NDArray

from edge_agent.bundle import Bundle, LoadedBundle
from edge_agent.daemon.announce import Announcer
from edge_agent.daemon.config.settings import Asset, Publish, SensorSettings
from edge_agent.daemon.messages import AnomalyEvent, Snapshot
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.recorder.snapshots import FOLDER, KEPT, keep_snapshot, kept_in
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.session import Session
from edge_agent.daemon.topics import Topics
from edge_agent.daemon.witness import MAX_BYTES, Job, bounded, daemon_witness
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.healthy import EAGER
from edge_agent.pipeline.window import Window

Vibration = Callable[..., NDArray[np.float32]]
ASSET = Asset(name="pump.1", bundle="pump.edgemodel", sensor=SensorSettings(plugin="bench"))
WASHOUT, LENGTH, STEP_NS = 10, 256, 2 * 10**9


class Bench:
    """One asset's flow and what speaks for it; jobs are done at once, or held back."""

    def __init__(self, bundle: LoadedBundle, folder: Path) -> None:
        self.folder = folder
        self.outbox = Outbox(100.0)
        self.held: list[Job] | None = None
        session = Session(Topics("edge/v1", "gw-1"))
        record = AssetRecord(ASSET.name, "bench", model_sha256=bundle.sha256)
        self.witness = daemon_witness(ASSET, bundle, folder, session, self.outbox, self.do)
        self.flow: Flow = bundle.flow()
        desk = desk_in(folder, session, self.outbox)
        self.announcer = Announcer(record, bundle, Publish(score=False), desk, self.witness)

    def do(self, job: Job) -> None:
        if self.held is None:
            job()
        else:
            self.held.append(job)

    def push(self, samples: NDArray[np.float32]) -> None:
        for part in samples.reshape(-1, LENGTH, 1):
            at_ns = self.flow.index * STEP_NS
            window = Window(part, at_ns, at_ns + STEP_NS, gap=False, clipped=False)
            self.announcer.result(self.flow.push_window(window), self.flow, window)

    def said(self) -> list[AnomalyEvent | Snapshot]:
        messages = [message for _, _, message in self.outbox.collect().messages]
        return [m for m in messages if isinstance(m, AnomalyEvent | Snapshot)]


@pytest.fixture(scope="module")
def loaded(samples_bundle: bytes) -> LoadedBundle:
    return Bundle.decode(samples_bundle, "samples").load()


@pytest.fixture
def bench(loaded: LoadedBundle, tmp_path: Path) -> Bench:
    return Bench(loaded, tmp_path)


def test_an_anomaly_is_told_beside_healthy_and_its_picture_follows(
    bench: Bench, vibration: Vibration
) -> None:
    bench.push(vibration(WASHOUT + 40, seed=5))
    bench.push(vibration(10, 1.0))

    opened, picture, *_ = bench.said()

    assert isinstance(opened, AnomalyEvent)
    assert isinstance(picture, Snapshot)
    first = opened.features[0]
    assert first.value is not None
    assert first.healthy_low is not None
    assert first.healthy_high is not None
    assert first.channel == "x"
    assert not first.healthy_low <= first.value <= first.healthy_high
    assert picture.event == opened
    assert picture.healthy is not None
    assert picture.healthy.windows == 40
    assert (picture.start, picture.end) == (opened.start, opened.end)
    (channel,) = picture.channels
    assert channel.now_db is not None
    assert channel.healthy_db is not None
    rise = channel.now_db.values() - channel.healthy_db.values()
    assert np.median(rise) == pytest.approx(20.0, abs=4.0)
    assert len(picture.edges_hz) == len(rise) + 1
    assert {one.name for one in picture.others}.isdisjoint({one.name for one in opened.features})


def test_an_alert_that_becomes_an_alarm_is_pictured_once_more(
    bench: Bench, vibration: Vibration
) -> None:
    bench.push(vibration(WASHOUT + 40, seed=5))
    bench.push(vibration(4, 0.13))
    bench.push(vibration(10, 3.0))

    said = bench.said()

    pictured = [m.event.level for m in said if isinstance(m, Snapshot)]
    told = [m for m in said if isinstance(m, AnomalyEvent)]
    assert told[0].level == "alert"
    assert len(told) > 2
    assert pictured == ["alert", "alarm"]


def test_the_picture_is_kept_on_the_disk_and_is_the_message(
    bench: Bench, vibration: Vibration
) -> None:
    bench.push(vibration(WASHOUT + 20, seed=5))
    bench.push(vibration(10, 1.0))

    (kept,) = kept_in(bench.folder / FOLDER)

    (sent,) = (said for said in bench.said() if isinstance(said, Snapshot))
    assert msgspec.json.decode(kept.path.read_bytes(), type=Snapshot) == sent
    assert kept.asset == ASSET.name
    assert sent.event.anomaly_id.startswith(kept.anomaly)
    assert kept.path.stat().st_size < MAX_BYTES


def test_an_anomaly_before_anything_was_learned_is_pictured_alone(
    bench: Bench, vibration: Vibration
) -> None:
    bench.push(vibration(WASHOUT, seed=5))
    bench.push(vibration(10, 1.0))

    opened, picture, *_ = bench.said()

    assert isinstance(opened, AnomalyEvent)
    assert isinstance(picture, Snapshot)
    assert opened.features[0].healthy_median is None
    assert (picture.healthy, picture.channels[0].healthy_db) == (None, None)
    assert picture.channels[0].now_db is not None


def test_what_was_learned_outlives_a_restart_and_a_window_is_not_learned_from_twice(
    bench: Bench, loaded: LoadedBundle, vibration: Vibration
) -> None:
    bench.push(vibration(WASHOUT + EAGER, seed=5))
    again = Bench(loaded, bench.folder)
    again.push(vibration(WASHOUT, seed=6))
    again.push(vibration(10, 1.0))

    (picture,) = (said for said in again.said() if isinstance(said, Snapshot))

    assert picture.healthy is not None
    assert picture.healthy.windows == EAGER


def test_a_damaged_file_is_learned_anew(
    bench: Bench, loaded: LoadedBundle, vibration: Vibration, caplog: pytest.LogCaptureFixture
) -> None:
    bench.push(vibration(WASHOUT + EAGER, seed=5))
    (file,) = (bench.folder / "recorder").iterdir()
    file.write_bytes(file.read_bytes()[:-9])

    again = Bench(loaded, bench.folder)
    again.push(vibration(WASHOUT + 20, seed=6))
    again.push(vibration(10, 1.0))

    (picture,) = (said for said in again.said() if isinstance(said, Snapshot))
    assert picture.healthy is not None
    assert picture.healthy.windows == 20
    assert "not usable" in caplog.text


def test_after_a_repair_healthy_is_learned_anew(bench: Bench, vibration: Vibration) -> None:
    bench.push(vibration(WASHOUT + EAGER, seed=5))
    bench.witness.relearn()
    bench.push(vibration(16, seed=6))
    bench.push(vibration(10, 1.0))

    (picture,) = (said for said in bench.said() if isinstance(said, Snapshot))
    assert picture.healthy is not None
    assert picture.healthy.windows == 16


def test_while_a_window_is_being_learned_from_no_other_waits(
    bench: Bench, vibration: Vibration
) -> None:
    bench.held = []
    bench.push(vibration(WASHOUT + 20, seed=5))
    assert len(bench.held) == 1


def test_of_each_asset_the_newest_pictures_are_kept(bench: Bench, vibration: Vibration) -> None:
    bench.push(vibration(WASHOUT, seed=5))
    bench.push(vibration(10, 1.0))
    (picture,) = (said for said in bench.said() if isinstance(said, Snapshot))
    for second in range(KEPT + 5):
        event = msgspec.structs.replace(picture.event, anomaly_id=f"{second:032x}")
        start = f"2026-01-31T10:00:{second:02}.000Z"
        made = msgspec.structs.replace(picture, event=event, start=start)
        keep_snapshot(bench.folder / "many", made)
    other = msgspec.structs.replace(picture, asset="other")
    keep_snapshot(bench.folder / "many", other)

    kept = list(kept_in(bench.folder / "many"))

    times = sorted(one.time for one in kept if one.asset == ASSET.name)
    assert len(times) == KEPT
    assert times[0] == "20260131T100005Z"
    assert [one.asset for one in kept].count("other") == 1


def test_channels_for_which_there_is_no_room_are_named(bench: Bench, vibration: Vibration) -> None:
    bench.push(vibration(WASHOUT + 20, seed=5))
    bench.push(vibration(10, 1.0))
    (picture,) = (said for said in bench.said() if isinstance(said, Snapshot))
    many = tuple(msgspec.structs.replace(picture.channels[0], name=f"c{i}") for i in range(30))

    small = bounded(msgspec.structs.replace(picture, channels=many))

    assert len(msgspec.json.encode(small)) <= MAX_BYTES
    names = [channel.name for channel in small.channels] + list(small.channels_left_out)
    assert names == [f"c{i}" for i in range(30)]
    assert small.channels
