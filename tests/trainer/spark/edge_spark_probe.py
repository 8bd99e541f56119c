"""A feature for the tests of the Spark engine: says where it runs, waits or kills its process."""

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import FEATURE_API_VERSION, CentredWindow, FeatureInput


class ProbeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to write the process id, and whether to die, or to wait for a file named go."""

    folder: str
    die: bool = False
    wait: bool = False


class Probe:
    """0 for every channel."""

    api_version: ClassVar[int] = FEATURE_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = ProbeOptions
    outputs = ("probe",)

    def __init__(self, options: ProbeOptions, given: FeatureInput) -> None:
        self._channels = len(given.channels)
        folder = Path(options.folder)
        (folder / f"{os.getpid()}.pid").touch()
        if options.die:
            os.kill(os.getpid(), signal.SIGKILL)
        while options.wait and not (folder / "go").exists():
            time.sleep(0.05)

    def compute(self, window: CentredWindow) -> NDArray[np.float32]:
        return np.zeros((self._channels, 1), dtype=np.float32)
