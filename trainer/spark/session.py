"""The connection to Spark: begun quietly, ended cleanly."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark import SparkContext

_STDERR = 2


class SparkUnavailableError(Exception):
    """Spark cannot be used; the message says what is missing or what it said."""


def require_spark() -> None:
    """Raise SparkUnavailableError where pyspark or Java is missing."""
    if find_spec("pyspark") is None:
        raise SparkUnavailableError(
            "--engine spark needs pyspark, which the extra 'spark' holds:"
            " pip install 'edge-agent[trainer,spark]'"
        )
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else "java"
    if shutil.which(java) is None:
        raise SparkUnavailableError(
            f"--engine spark needs a Java 17 runtime, and there is no {java}"
            " (Debian: apt-get install openjdk-17-jre-headless)"
        )


@contextmanager
def spark_context(master: str | None, log: Path) -> Iterator["SparkContext"]:
    """Yield a connection to Spark and end it.

    Args:
        master: URL of the cluster; None takes what ``spark-submit`` or Spark's own configuration
            says, which is all of this machine's processors where they say nothing.
        log: file that Spark's own messages go to; under ``spark-submit`` they go where it says.

    Raises:
        SparkUnavailableError: Spark does not start or the cluster does not answer.
        OSError: ``log`` cannot be written.
    """
    require_spark()
    from pyspark import SparkConf, SparkContext

    # Executors run the interpreter that this is, unless the cluster has one of its own for them.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    wanted = {"spark.app.name": "edge-trainer", "spark.ui.showConsoleProgress": "false"}
    if master is not None:
        wanted["spark.master"] = master
        if master.startswith("local"):
            # nothing of this machine's own work is anybody else's on the network
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
            wanted["spark.ui.enabled"] = "false"
    try:
        with _errors_to(log):
            context = SparkContext(conf=SparkConf().setAll(list(wanted.items())))
    except spark_errors() as error:
        raise SparkUnavailableError(f"Spark does not start: {reason(error)}; see {log}") from error
    try:
        yield context
    finally:
        context.stop()


def spark_errors() -> tuple[type[Exception], ...]:
    """Return what a call to Spark raises, whose Java process may be gone too."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return Py4JError, PySparkException, ConnectionError


def reason(error: Exception) -> str:
    """Return what of Spark's many lines says what happened, on one line."""
    java = getattr(error, "java_exception", None)
    text = str(error) if java is None else str(java.getMessage() or java.toString())
    lines = [line.strip() for line in text.partition("\n\tat ")[0].splitlines() if line.strip()]
    first = lines[0].removesuffix("Traceback (most recent call last):").rstrip(": ")
    return first if len(lines) == 1 else f"{first}: {lines[-1]}"


@contextmanager
def _errors_to(log: Path) -> Iterator[None]:
    """Let the Java process begun inside write its messages to ``log``, this one's stay.

    It inherits the descriptor: there is no other way to hand it one through pyspark. Under
    ``spark-submit`` it runs already.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        yield
        return
    kept = os.dup(_STDERR)
    try:
        with log.open("wb") as file:
            os.dup2(file.fileno(), _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
