"""Jobs on Spark's executors."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.fleet import Job, Outcome, run_job
from trainer.spark.session import SparkUnavailableError, reason, spark_context, spark_errors

if TYPE_CHECKING:
    from pyspark import SparkContext

# More than any cluster this is meant for has processors; each costs a thread that waits.
_MOST_AT_ONCE = 512


def run_spark(
    jobs: Sequence[Job], ended: Callable[[Outcome], None], master: str | None, log: Path
) -> None:
    """Do ``jobs`` on Spark's executors; ``ended`` is told of each as it ends.

    Every asset is a Spark job of its own, all of them in one application and waiting at once: the
    executors are as busy as with one large job, and what Spark gives up after trying it as often as
    ``spark.task.maxFailures`` says is one asset, not all.

    Raises:
        SparkUnavailableError: Spark does not start, is lost on the way, or its executors have
            another version of this distribution.
        OSError: ``log`` cannot be written.
    """
    with spark_context(master, log) as context:
        _require_same_version(context)
        with ThreadPoolExecutor(min(len(jobs), _MOST_AT_ONCE)) as pool:
            waiting = [pool.submit(_run, context, job) for job in jobs]
            try:
                for done in as_completed(waiting):
                    ended(done.result())
            except BaseException:  # stopped by the user, or Spark is gone: nothing else may begin
                pool.shutdown(wait=False, cancel_futures=True)
                context.cancelAllJobs()
                raise


def _run(context: "SparkContext", job: Job) -> Outcome:
    try:
        (outcome,) = context.parallelize([job], 1).map(run_job).collect()
    except spark_errors() as error:
        if _is_stopped(context):
            raise SparkUnavailableError(f"Spark was lost: {reason(error)}") from error
        return Outcome(asset=job.asset, status="failed", reason=reason(error))
    return outcome


def _require_same_version(context: "SparkContext") -> None:
    try:
        (there,) = context.parallelize(["edge-agent"], 1).map(version).collect()
    except spark_errors() as error:
        raise SparkUnavailableError(f"Spark's executors cannot run: {reason(error)}") from error
    here = version("edge-agent")
    if there != here:
        raise SparkUnavailableError(
            f"Spark's executors have edge-agent {there}, allowed: {here}, as it is here"
        )


def _is_stopped(context: "SparkContext") -> bool:
    java = context._jsc  # noqa: SLF001 - the only way to ask whether the cluster is still there
    try:
        return java is None or bool(java.sc().isStopped())
    except spark_errors():  # nor is the Java process
        return True
