"""The few settings that operators change from afar: the last layer, over all files.

They come signed and are tried first: ``trying`` is read by one start alone. One that follows
without their having been confirmed, as after a crash, goes by what was ``confirmed`` before.
"""

import logging
from pathlib import Path

import msgspec

from edge_agent.daemon.config.sources import Sources
from edge_agent.rollout.messages import RemoteSettings

_log = logging.getLogger(__name__)


class KeptSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the operator's settings.

    Attributes:
        confirmed: those that the agent came back healthy with; None: none.
        trying: those that are in force for a while, to see whether it does.
        starts: of the agent, with ``trying``, that did not end as they should.
    """

    confirmed: RemoteSettings | None = None
    trying: RemoteSettings | None = None
    starts: int = 0

    @property
    def in_use(self) -> RemoteSettings | None:
        """What the agent that runs goes by."""
        return self.confirmed if self.trying is None else self.trying

    @property
    def in_force(self) -> RemoteSettings | None:
        """What the next start goes by."""
        return self.confirmed if self.trying is None or self.starts else self.trying


def settings_file(state_dir: Path) -> Path:
    """Return where they are kept."""
    return state_dir / "update" / "settings.json"


def read_settings(state_dir: Path) -> KeptSettings:
    """Return what is kept; nothing, after a line in the log, where the file cannot be read."""
    file = settings_file(state_dir)
    try:
        return msgspec.json.decode(file.read_bytes(), type=KeptSettings)
    except (FileNotFoundError, NotADirectoryError):
        return KeptSettings()
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        _log.warning("%s: not usable, going on without: %s", file, error)
        return KeptSettings()


def lay_over(remote: RemoteSettings, sources: Sources, file: Path) -> None:
    """Let ``remote`` go before what ``sources`` say.

    An asset that is not configured is passed over: whoever takes one out of the configuration
    need not ask the operator.

    Args:
        remote: the operator's.
        sources: their table is changed.
        file: that problems with it are told of.
    """
    for key, value in (("features", remote.publish_features), ("score", remote.publish_score)):
        if value is not None:
            sources.put(f"publish.{key}", value, file)
    rows = sources.table.get("asset")
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        name = row.get("name") if isinstance(row, dict) else None
        for key, by_asset in (
            ("sensor.options.period_s", remote.period_s),
            ("false_alarms_per_month", remote.false_alarms_per_month),
        ):
            if name in by_asset:
                sources.put(f"asset[{index}].{key}", by_asset[name], file)
