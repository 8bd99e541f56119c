"""What plugin authors import: the Sensor and Feature protocols and what they exchange."""

from edge_agent.plugin.block import Block
from edge_agent.plugin.discovery import (
    PluginError,
    PluginProblem,
    PluginRecord,
    configure,
    discover,
    load,
)
from edge_agent.plugin.feature import (
    FEATURE_API_VERSION,
    CentredWindow,
    Feature,
    FeatureError,
    FeatureInput,
    NoOptions,
    Workspace,
)
from edge_agent.plugin.lines import Fault, FaultLine, LineSpectrum, ShowsLines
from edge_agent.plugin.sensor import (
    SENSOR_API_VERSION,
    Clock,
    EndOfData,
    Sensor,
    SensorError,
    SensorInfo,
)

__all__ = [
    "FEATURE_API_VERSION",
    "SENSOR_API_VERSION",
    "Block",
    "CentredWindow",
    "Clock",
    "EndOfData",
    "Fault",
    "FaultLine",
    "Feature",
    "FeatureError",
    "FeatureInput",
    "LineSpectrum",
    "NoOptions",
    "PluginError",
    "PluginProblem",
    "PluginRecord",
    "Sensor",
    "SensorError",
    "SensorInfo",
    "ShowsLines",
    "Workspace",
    "configure",
    "discover",
    "load",
]
