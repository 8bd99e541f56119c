"""How far the clock behind the messages' times can be trusted."""

from pathlib import Path
from typing import Literal

TimeQuality = Literal["synchronised", "unsynchronised", "unknown"]

_TIMESYNC = Path("/run/systemd/timesync")


def time_quality(timesync: Path = _TIMESYNC) -> TimeQuality:
    """Say whether the clock follows a time server, as far as systemd-timesyncd tells.

    Another time service (chrony, ntpd, PTP) leaves no mark that can be read without its client:
    then the quality is unknown, not bad.
    """
    if (timesync / "synchronized").exists():
        return "synchronised"
    return "unsynchronised" if timesync.is_dir() else "unknown"
