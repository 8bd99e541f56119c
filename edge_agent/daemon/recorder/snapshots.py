"""The pictures of the last anomalies, kept where ``edge-agent explain`` finds them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge_agent.daemon.messages import Snapshot
from edge_agent.disk import replace_file

FOLDER = "snapshots"
KEPT = 20  # of each asset
_ID_DIGITS = 12
_PARTS = 4  # asset (which may hold dots), time, anomaly, json


class Kept(NamedTuple):
    """One snapshot as its file's name tells it.

    Attributes:
        path: of the file.
        asset: of the anomaly.
        time: of the window that is pictured, as 20250131T235959Z.
        anomaly: first digits of its id.
    """

    path: Path
    asset: str
    time: str
    anomaly: str


def kept_in(folder: Path) -> Iterator[Kept]:
    """Yield what is kept in ``folder``, in no order. Raises OSError."""
    for path in folder.iterdir():
        parts = path.name.rsplit(".", _PARTS - 1)
        if len(parts) == _PARTS and parts[-1] == "json":
            yield Kept(path, parts[0], parts[1], parts[2])


def keep_snapshot(folder: Path, snapshot: Snapshot) -> Path:
    """Write ``snapshot`` and remove the oldest of its asset; return its file. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    time = "".join(c for c in snapshot.start.partition(".")[0] if c not in "-:Z") + "Z"
    anomaly = snapshot.event.anomaly_id[:_ID_DIGITS]
    path = folder / f"{snapshot.asset}.{time}.{anomaly}.json"
    replace_file(path, msgspec.json.encode(snapshot))
    of_asset = sorted(kept for kept in kept_in(folder) if kept.asset == snapshot.asset)
    for kept in sorted(of_asset, key=lambda kept: kept.time)[:-KEPT]:
        kept.path.unlink(missing_ok=True)
    return path
