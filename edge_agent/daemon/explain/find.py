"""Which snapshot somebody means by a word."""

from pathlib import Path

import msgspec

from edge_agent.daemon.messages import Snapshot
from edge_agent.daemon.recorder.snapshots import FOLDER, Kept, kept_in

LAST = "last"
_SHORTEST = 4  # digits of an id that are enough, where only one anomaly begins with them


class NoSnapshotError(Exception):
    """There is no such snapshot; the message says what there is."""


class UnreadableError(Exception):
    """The snapshot cannot be read; the message says why."""


def find_snapshot(event: str, state_dir: Path) -> Snapshot:
    """Return the snapshot that ``event`` means.

    Args:
        event: a file with a snapshot message; ``last``; the name of an asset, for its last one; or
            the first digits of an anomaly's id.
        state_dir: the agent's folder.

    Raises:
        NoSnapshotError: there is none.
        UnreadableError: the file cannot be read or holds something else.
    """
    file = Path(event)
    if file.suffix == ".json" or file.is_file():
        return read_snapshot(file)
    folder = state_dir / FOLDER
    try:
        kept = sorted(kept_in(folder), key=lambda one: one.time)
    except FileNotFoundError:
        kept = []
    except OSError as error:
        raise UnreadableError(f"{folder}: {error.strerror}") from error
    return read_snapshot(_meant(event, kept, folder).path)


def _meant(event: str, kept: list[Kept], folder: Path) -> Kept:
    if not kept:
        raise NoSnapshotError(f"{folder}: no snapshot yet: no anomaly has opened")
    if event == LAST:
        return kept[-1]
    of_asset = [one for one in kept if one.asset == event]
    if of_asset:
        return of_asset[-1]
    # The name of a file holds the first digits only; more of them mean the same anomaly.
    by_id = [one for one in kept if one.anomaly.startswith(event) or event.startswith(one.anomaly)]
    if len({one.anomaly for one in by_id}) == 1 and len(event) >= _SHORTEST:
        return by_id[-1]
    assets = ", ".join(dict.fromkeys(one.asset for one in kept))
    newest = ", ".join(dict.fromkeys(one.anomaly for one in kept[:-6:-1]))
    found = f"{len(by_id)} snapshots" if by_id else "no snapshot"
    raise NoSnapshotError(
        f"{event}: found {found} of it in {folder}; allowed: a snapshot's file, {LAST}, one of the"
        f" assets {assets}, or {_SHORTEST} digits and more of an id, the newest {newest}"
    )


def read_snapshot(file: Path) -> Snapshot:
    """Return the snapshot in ``file``, as it was published or kept. Raises UnreadableError."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Snapshot)
    except OSError as error:
        raise UnreadableError(f"{file}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{file}: no snapshot message: {error}") from error
