"""Apache Spark as an engine for the jobs of a fleet; the only part that imports pyspark."""

from trainer.spark.engine import run_spark
from trainer.spark.session import SparkUnavailableError, require_spark

__all__ = ["SparkUnavailableError", "require_spark", "run_spark"]
