"""Which detector is the best for a machine, told without a single failure label.

Each learns from the first part of the healthy windows; the rest is held out. In both it must be
quiet, and into the latter faults are put (see ``trainer.injected``): louder, another spectrum at
the same level, impulses at the same level, each slowly grown to a size of few healthy scales. The
rule: the fewest false alarms on the healthy windows; among equals the most faults seen; then the
shortest median delay. Detection is compared at equal false alarms only, because an earlier alarm is
no merit of a detector that alarms without a reason.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.series import DataError, Series
from trainer.baselines import learn_baseline, watch_of
from trainer.evaluate import Verdicts
from trainer.injected import inject, possible_faults
from trainer.outcome import Watch
from trainer.recipe import Recipe, recipes_of

_LEARNED = 0.6  # share of the healthy part
_SIZES = (1.0, 2.0, 4.0)  # healthy scales
_GROWTH = 30  # windows until a fault has its size
_SHOWN = 90  # windows, the last third of which shows a fault


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one detector stands on healthy windows, the latest of which it has not learned from.

    Attributes:
        windows: how many.
        false_alarms: that opened in them.
        seen: for each kind and size of fault, whether an alarm opened once it had begun.
        delays: windows from a fault's begin to that alarm, of those that were seen.
    """

    windows: int
    false_alarms: int
    seen: dict[str, bool]
    delays: tuple[int, ...]

    def __str__(self) -> str:
        """What a person compares."""
        return (
            f"{self.false_alarms} alarms in {self.windows} healthy windows,"
            f" {sum(self.seen.values())} of {len(self.seen)} injected faults seen"
        )

    @property
    def rank(self) -> tuple[float, ...]:
        """What the rule compares; the smallest is the best."""
        delay = float(np.median(self.delays)) if self.delays else np.inf
        return self.false_alarms, -sum(self.seen.values()), delay


def stand(watch: Watch, series: Series, first: int) -> Standing:
    """Put faults into ``series`` and see what becomes of them.

    Args:
        watch: a detector that has learned from windows [0, first) of ``series``.
        series: healthy windows only.
        first: of those held out.
    """
    n = len(series.vectors)
    onset = first + (n - first) // 3
    quiet = [a.opened for a in watch(series).alarms]
    seen, delays = dict[str, bool](), list[int]()
    for kind in possible_faults(series.names):
        for most in _SIZES:
            size = most * np.clip((np.arange(n) - onset) / _GROWTH, 0.0, 1.0)
            spoilt = inject(series.vectors, series.names, kind, size, _finite(series, first))
            alarms = watch(replace(series, vectors=spoilt)).alarms
            new = [a.opened for a in alarms if a.opened >= onset and a.opened not in quiet]
            seen[f"{kind} {most:g}"] = bool(new)
            delays += [new[0] - onset] if new else []
    return Standing(windows=n, false_alarms=len(quiet), seen=seen, delays=tuple(delays))


def learned_from(series: Series) -> int:
    """Return how many of the healthy windows ``series``, the earliest, are learned from."""
    return round(_LEARNED * len(series.vectors))


def choose_baseline(series: Series, healthy: tuple[int, int]) -> tuple[Recipe, dict[str, Standing]]:
    """Return the baseline to ship by the rule above, and how each one stood, by name.

    Args:
        series: the recording; each baseline takes those of its features that it is made of.
        healthy: its windows [first, last) that are known to be healthy.

    Raises:
        DataError: the healthy part is too short for any of them.
    """
    part = series.part(*healthy)
    first = learned_from(part)
    found: dict[str, Standing] = {}
    recipes = {recipe.name: recipe for recipe in recipes_of("baseline")}
    for name, recipe in recipes.items():
        detector = learn_baseline(recipe, part, (0, first))
        if detector is not None:
            found[name] = stand(watch_of(recipe, detector), part, first)
    if not found:
        raise DataError(
            f"healthy is {healthy[0]}:{healthy[1]}, of which {first} windows are learned from:"
            " too few, or too much alike, for every baseline"
        )
    return recipes[min(found, key=lambda name: (found[name].rank, name))], found


def stand_ready(
    watches: Mapping[str, Watch],
    found: Mapping[str, Verdicts],
    healthy: tuple[Series, tuple[int, int]],
    warm_up: int,
) -> dict[str, Standing]:
    """Return how a bundle and the baselines stand, each having learned from all of ``healthy``.

    Those with more false alarms than others are left out: the rule asks no more of them. The others
    are shown faults in the latest windows.

    Args:
        watches: detectors by name; the bundle is ``all``. What no gateway can run is left out.
        found: their verdicts, with the false alarms.
        healthy: a recording, and its windows [first, last) that are known to be healthy.
        warm_up: windows that any of them needs before it scores.
    """
    series, (first, last) = healthy
    shown = series.part(max(first, last - warm_up - _SHOWN), last)
    from_here = max(learned_from(shown), len(shown.vectors) - _SHOWN)
    names = [n for n in ("all", *(r.name for r in recipes_of("baseline"))) if n in watches]
    false_alarms = {name: found[name].alarms_in_healthy or 0 for name in names}
    least = min(false_alarms.values())
    return {
        name: msgspec.structs.replace(
            stand(watches[name], shown, from_here), windows=last - first, false_alarms=least
        )
        for name in names
        if false_alarms[name] == least
    }


def _finite(series: Series, first: int) -> NDArray[np.float32]:
    learned = series.vectors[:first]
    finite: NDArray[np.float32] = learned[np.isfinite(learned).all(axis=1)]
    return finite
