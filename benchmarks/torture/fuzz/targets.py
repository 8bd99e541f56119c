"""All that is fed, by name; imported one by one, as each brings its own libraries."""

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.torture.fuzz.target import Target


def _configuration(folder: Path) -> Target:
    from benchmarks.torture.fuzz.configuration import Configuration

    return Configuration(folder)


def _incoming(folder: Path) -> Target:
    from benchmarks.torture.fuzz.incoming import Incoming

    return Incoming(folder)


def _bundles(folder: Path) -> Target:
    from benchmarks.torture.fuzz.bundles import Bundles

    return Bundles(folder)


def _recordings(folder: Path) -> Target:
    from benchmarks.torture.fuzz.recordings import Recordings

    return Recordings(folder)


def _broker(folder: Path) -> Target:
    from benchmarks.torture.fuzz.hostile_broker import HostileBroker

    return HostileBroker(folder)


TARGETS: Mapping[str, Callable[[Path], Target]] = {
    "configuration": _configuration,
    "incoming": _incoming,
    "bundles": _bundles,
    "recordings": _recordings,
    "broker": _broker,
}
