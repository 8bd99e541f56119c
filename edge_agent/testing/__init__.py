"""Conformance kit and simulators for plugin authors; never imported at run time."""

from edge_agent.testing.conformance import ConformanceError
from edge_agent.testing.feature import check_feature
from edge_agent.testing.industrial_io import IioElement, IioTree
from edge_agent.testing.sensor import check_sensor

__all__ = ["ConformanceError", "IioElement", "IioTree", "check_feature", "check_sensor"]
