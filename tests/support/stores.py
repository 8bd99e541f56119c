"""A store of features whose clock a test sets."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.collect.journal import Arrival

if TYPE_CHECKING:
    from trainer.collect.store import Store

DAY_S = 86400


class Clock:
    """Seconds since 1970, as the test says."""

    now_s = 10.0 * DAY_S

    def __call__(self) -> float:
        return self.now_s


def add(store: "Store", arrivals: Iterable[Arrival]) -> int:
    listed = list(arrivals)
    return store.add(listed, len(listed))[0]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob("gateway=*/*/*/*"))
