"""A job makes its file once, and its troubles are its own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import Bundle
from edge_agent.recordings import open_recording, write_recording
from trainer.fleet import (
    Asset,
    FleetError,
    Job,
    Outcome,
    feature_jobs,
    run_job,
    run_local,
    training_jobs,
)
from trainer.table import write_table

replace = msgspec.structs.replace


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    path = tmp_path / "pump.npz"
    samples = rng.standard_normal((30, 512, 1)).astype(np.float32)
    write_recording(path, samples, rate_hz=1024.0, unit="g", channels=("x",), period_s=60.0)
    return path


@pytest.fixture
def job(recording: Path, tmp_path: Path) -> Job:
    (tmp_path / "out").mkdir()
    (job,) = feature_jobs([Asset(name="pump", data=str(recording))], tmp_path / "out")
    return job


def test_a_job_that_is_done_is_not_done_again(job: Job) -> None:
    first = run_job(job)
    assert (first.status, first.file) == ("done", str(job.file))
    made = job.file.stat().st_mtime_ns
    again = run_job(job)
    assert (again.status, again.result, again.file) == ("unchanged", first.result, first.file)
    assert job.file.stat().st_mtime_ns == made


def _touch(job: Job) -> Job:
    found = Path(job.data).stat()
    os.utime(job.data, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    return job


def _tear(job: Job) -> Job:
    job.file.write_bytes(job.file.read_bytes()[:-1])
    return job


def _lose(job: Job) -> Job:
    job.file.unlink()
    return job


def _spoil_record(job: Job) -> Job:
    job.record.write_text("{")
    return job


@pytest.mark.parametrize(
    "change",
    [
        lambda job: replace(job, window=256),
        lambda job: replace(job, hop=100),
        lambda job: replace(job, options=replace(job.options, decimate=2)),
        lambda job: replace(job, recipe=replace(job.recipe, washout=3)),
        _touch,
        _tear,
        _lose,
        _spoil_record,
    ],
)
def test_a_job_whose_ground_or_file_has_changed_is_done_again(
    job: Job, change: Callable[[Job], Job]
) -> None:
    run_job(job)
    changed = change(job)
    assert run_job(changed).status == "done"
    assert run_job(changed).status == "unchanged"


def test_everything_that_decides_on_a_bundle_is_in_its_digest(recording: Path) -> None:
    asset = Asset(name="pump", data=str(recording), healthy="0:25")
    others = [
        asset,
        replace(asset, healthy="0:24"),
        replace(asset, version="0.2.0"),
        replace(asset, seed=9),
        replace(asset, recipe="larzalere"),
        replace(asset, unit="m/s2"),
        replace(asset, input_of=str(recording)),
    ]
    digests = {job.digest() for job in training_jobs(others, recording.parent)}
    digests |= {job.digest() for job in feature_jobs([asset], recording.parent)}
    assert len(digests) == len(others) + 1


def test_where_the_recording_and_the_results_lie_does_not_matter(
    job: Job, recording: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved" / recording.name
    moved.parent.mkdir()
    digest = job.digest()
    recording.rename(moved)
    assert replace(job, data=str(moved), folder="/elsewhere").digest() == digest


def test_every_file_of_a_folder_counts(job: Job, tmp_path: Path) -> None:
    folder = tmp_path / "bursts"
    (folder / "deep").mkdir(parents=True)
    (folder / "one").write_text("1")
    of_folder = replace(job, data=str(folder))
    digests = [of_folder.digest()]
    (folder / "deep" / "two").write_text("2")
    digests.append(of_folder.digest())
    (folder / "deep" / "two").rename(folder / "deep" / "three")
    digests.append(of_folder.digest())
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("part", [".", "day=1970-01-01"])
def test_a_label_of_the_asset_counts_also_where_a_single_day_is_asked_for(
    job: Job, tmp_path: Path, part: str
) -> None:
    asset = tmp_path / "asset=pump-1"
    (asset / "day=1970-01-01").mkdir(parents=True)
    of_store = replace(job, data=str(asset / part))
    before = of_store.digest()
    (asset / "labels.jsonl").write_text("{}\n")
    assert of_store.digest() != before


def test_a_failure_says_why_and_ends_nothing(job: Job, tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 torn")
    jobs = [
        replace(job, asset="gone", data=str(tmp_path / "gone.npz")),
        replace(job, asset="broken", data=str(broken)),
        replace(job, asset="long", window=513),
        replace(job, asset="nowhere", folder=str(tmp_path / "nowhere")),
        job,
    ]
    outcomes: list[Outcome] = []
    run_local(jobs, outcomes.append)
    assert [o.status for o in outcomes] == ["failed"] * 4 + ["done"]
    reasons = [o.reason or "" for o in outcomes]
    assert reasons[0] == f"{tmp_path / 'gone.npz'}: No such file or directory"
    assert reasons[1].startswith(f"{broken}: ")
    assert "window is 513 samples, allowed: 1 to 512" in reasons[2]
    assert str(tmp_path / "nowhere") in reasons[3]


def test_even_what_nobody_foresaw_ends_nothing(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise(*_: Any) -> Any:
        raise ZeroDivisionError("by a plugin")

    monkeypatch.setattr("trainer.fleet.run.read_series", surprise)
    outcome = run_job(job)
    assert outcome.status == "failed"
    assert outcome.reason == "unexpected ZeroDivisionError: by a plugin"
    assert not job.file.exists()


def test_a_job_can_be_sent_as_it_is(job: Job) -> None:
    import pickle

    assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301 - just made


def test_the_table_is_what_a_reader_of_recordings_reads(job: Job) -> None:
    outcome = run_job(job)
    assert outcome.result is not None
    assert open_recording(job.file).length == outcome.result.windows == 30


@pytest.mark.usefixtures("without_pictures")
def test_collected_features_become_a_bundle_with_the_input_of_the_one_that_computed_them(
    history: Any, make_series: Any, plain_bundle: bytes, bundle_folder: Path
) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'trainer'")
    old = Bundle.decode(plain_bundle)
    flow = old.manifest.flow
    write_table(bundle_folder / "t.csv", make_series(history[1], flow.feature_names, period_s=0.25))
    asset = Asset(
        name="pump",
        data=str(bundle_folder / "t.csv"),
        healthy="0:30",
        recipe="rms-5-sigma",
        input_of=str(bundle_folder / "old.edgemodel"),
    )
    (job,) = training_jobs([asset], bundle_folder)
    done = run_job(job)
    assert (done.status, done.reason) == ("done", None)
    made = Bundle.read(job.file).manifest
    assert (made.flow.input, made.flow.features) == (flow.input, flow.features)
    assert made.training.input_of == old.sha256
    assert run_job(job).status == "unchanged"
    with pytest.raises(FleetError, match="asset pump: input_of is for training"):
        feature_jobs([asset], bundle_folder)


@pytest.fixture
def bundle_folder(tmp_path: Path, plain_bundle: bytes) -> Path:
    """With the bundle of the gateway that features were collected from."""
    (tmp_path / "old.edgemodel").write_bytes(plain_bundle)
    return tmp_path
