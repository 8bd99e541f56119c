"""One job from its recording to its file, on whatever machine this is."""

import time
from pathlib import Path

import msgspec

from edge_agent.bundle import Bundle
from edge_agent.calibration.series import Series
from edge_agent.disk import replace_file
from edge_agent.recordings import Recording, open_recording
from trainer.collected import Origin, read_collected
from trainer.confirmed import kept_out
from trainer.data import input_spec, read_series
from trainer.failures import Failure, failures
from trainer.fleet.job import Job, Training, sha256_of
from trainer.fleet.outcome import Outcome, Result
from trainer.table import write_table


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What lies beside a finished file.

    Attributes:
        job: digest of the job.
        sha256: of the file.
        result: see there.
    """

    job: str
    sha256: str
    result: Result


def run_job(job: Job) -> Outcome:
    """Do ``job`` unless its file is there already; whatever goes wrong is in the outcome.

    File and record are each written whole, the record last: a job that was killed anywhere is done
    again, one that has its record is not.
    """
    began_s = time.perf_counter()
    try:
        with failures():
            digest = job.digest()
            earlier = _finished(job, digest)
            result = _make(job) if earlier is None else earlier
            if earlier is None:
                made = Record(job=digest, sha256=sha256_of(job.file), result=result)
                replace_file(job.record, msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    except Failure as error:
        return _failed(job, str(error), began_s)
    # One asset's trouble, foreseen or not, must not end the job of hundreds.
    except Exception as error:  # noqa: BLE001
        return _failed(job, f"unexpected {type(error).__name__}: {error}", began_s)
    return Outcome(
        asset=job.asset,
        status="done" if earlier is None else "unchanged",
        file=str(job.file),
        result=result,
        seconds=time.perf_counter() - began_s,
    )


def _finished(job: Job, digest: str) -> Result | None:
    """Return what an earlier job of this digest found, None where there was none."""
    try:
        record = msgspec.json.decode(job.record.read_bytes(), type=Record)
        same = record.job == digest and record.sha256 == sha256_of(job.file)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return record.result if same else None


def _make(job: Job) -> Result:
    if job.training is not None and job.input_of is not None:
        recording = open_recording(Path(job.data))
        series, origin = read_collected(recording, Bundle.read(Path(job.input_of)))
        return _train(job, job.training, recording, series, origin)
    recording = open_recording(Path(job.data), job.options)
    spec = input_spec(recording, job.recipe, job.window, job.hop)
    series = read_series(recording, job.recipe, spec)
    if job.training is None:
        write_table(job.file, series)
        return Result(windows=len(series.vectors))
    return _train(job, job.training, recording, series)


def _train(
    job: Job,
    training: Training,
    recording: Recording,
    series: Series,
    origin: Origin | None = None,
) -> Result:
    from threadpoolctl import threadpool_limits

    from trainer.fit import FitError
    from trainer.measure import GoldenHistoryError
    from trainer.quantize import ExportError, GateError
    from trainer.train import Order, train

    identity = job.asset, training.version
    order = Order(
        job.recipe,
        training.healthy,
        *identity,
        training.seed,
        origin=origin,
        confirmed=kept_out(Path(job.data), series),
    )
    # Sums over several threads end in other digits: every engine adds up on one. The processes that
    # fit and convert have their own fixed number.
    with (
        threadpool_limits(limits=1),
        failures(FitError, ExportError, GateError, GoldenHistoryError),
    ):
        trained = train(order, recording, series)
    replace_file(job.file, trained.bundle)
    found = trained.evaluation.verdicts["all"]
    return Result(
        windows=trained.evaluation.windows,
        first_alarm=found.first_alarm,
        alarms_in_healthy=found.alarms_in_healthy,
    )


def _failed(job: Job, reason: str, began_s: float) -> Outcome:
    seconds = time.perf_counter() - began_s
    return Outcome(asset=job.asset, status="failed", reason=reason, seconds=seconds)
