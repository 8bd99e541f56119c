"""Which of the plant's alerts the gateway would show as one event with one cause."""

from collections.abc import Iterable

from benchmarks.plant.episodes import Episode
from benchmarks.plant.life import HOUR_S
from edge_agent.daemon.alarms.groups import Groups, Onset, reach_s

_NS = 10**9


def grouped(episodes: Iterable[Episode], machines: int) -> list[tuple[int, int]]:
    """Return hour and number of machines of every group, in order."""
    groups = Groups((), lambda utc_ns, asset: f"{utc_ns} {asset}")
    found: dict[str, tuple[int, int]] = {}
    moments = [(e.opened_h, "open", e) for e in episodes]
    moments += [(e.closed_h, "close", e) for e in episodes if e.closed_h is not None]
    for hour, kind, episode in sorted(moments, key=lambda m: (m[0], m[1], m[2].machine)):
        asset, utc_ns = str(episode.machine), hour * HOUR_S * _NS
        if kind == "close":
            groups.over(asset, "anomaly", utc_ns)
            continue
        onset = Onset(
            asset=asset,
            why="anomaly",
            utc_ns=utc_ns,
            at_s=float(hour * HOUR_S),
            reach_s=reach_s(float(HOUR_S)),
        )
        change = groups.struck(onset, machines)
        if change is not None:
            group = change[1]
            first = found.get(group.id, (hour, 0))[0]
            found[group.id] = first, len(group.members)
    return list(found.values())
