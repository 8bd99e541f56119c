"""The bearing that is simulated: days without trouble, then a spall on its outer ring."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from edge_sensor_simulated import Defect, Machine, record

from demo.story import Note, Story
from demo.times import duration

_DAY_S = 86400.0
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the bearing is watched, and when it breaks. Times are simulated.

    A vibration sensor wakes up every ``period_s`` and takes a burst of half a second, as battery
    powered ones do. The load swings by a tenth in the rhythm of the day. The first impulses of
    the spall are a third of the noise's rms and cannot be seen in it.

    Attributes:
        learning_s: the days that are trained on, which end where watching begins.
        watching_s: the days that the agent sees.
        stop_s: when the machine stands still, from and to; in the middle of its healthy days.
        onset_s: when the spall begins.
        doubling_s: the time in which its impulses double.
        period_s: from burst to burst.
        speedup: simulated seconds per second.
    """

    learning_s: float = 3.0 * _DAY_S
    watching_s: float = 4.5 * _DAY_S
    stop_s: tuple[float, float] = (26.0 * _HOUR_S, 29.0 * _HOUR_S)
    onset_s: float = 2.0 * _DAY_S
    doubling_s: float = 8.0 * _HOUR_S
    period_s: float = 600.0
    speedup: float = 2.0 * _HOUR_S


WHOLE = Plan()
QUICK = Plan(
    watching_s=2.5 * _DAY_S,
    stop_s=(16.0 * _HOUR_S, 19.0 * _HOUR_S),
    onset_s=1.0 * _DAY_S,
    doubling_s=4.0 * _HOUR_S,
    period_s=1800.0,
    speedup=6.0 * _HOUR_S,
)

_RATE_HZ = 8192.0
_WINDOWS_PER_S = 6.0  # of the machines that do not fail
_LENGTH = 4096


def machine(plan: Plan) -> Machine:
    """Return the machine, the same while learning and while watching."""
    return Machine(
        load_swing=0.1,
        load_swing_s=_DAY_S,
        gravity_g=1.0,
        idle=(plan.stop_s,),
        defect=Defect(kind="outer", onset_s=plan.onset_s, start_g=0.01, doubling_s=plan.doubling_s),
        seed=1,
    )


def simulated(folder: Path, plan: Plan) -> Story:
    """Write the recording of the healthy days into ``folder``, and tell the story."""
    recording = folder / "healthy-days.npz"
    record(
        recording,
        machine(plan),
        rate_hz=_RATE_HZ,
        duration_s=plan.learning_s,
        burst=(_LENGTH, plan.period_s),
        start_s=-plan.learning_s,
    )
    learning, onset, watching = (
        round(time_s / plan.period_s) for time_s in (plan.learning_s, plan.onset_s, plan.watching_s)
    )
    stopped = (round(plan.stop_s[0] / plan.period_s), round(plan.stop_s[1] / plan.period_s))
    return Story(
        title=f"A simulated bearing that fails within {duration(plan.watching_s)}",
        recording=recording,
        healthy=(0, learning),
        healthy_because=f"{duration(plan.learning_s)} before the watching begins",
        sensor="simulated",
        options=_options(plan),
        first=0,
        windows=watching,
        period_s=plan.period_s,
        window_s=_LENGTH / _RATE_HZ,
        speedup=plan.speedup,
        onset=onset,
        stopped=stopped,
        undamaged=_undamaged(plan),
        notes=(
            Note(stopped[0], "the machine is stopped for a while, which is no anomaly"),
            Note(onset, "a spall begins on the outer ring, a third of the noise at first"),
        ),
    )


def _options(plan: Plan) -> dict[str, Any]:
    """Return the options of the sensor ``simulated``, as its configuration spells them."""
    usual = msgspec.to_builtins(Machine())
    special = {
        key: value
        for key, value in msgspec.to_builtins(machine(plan)).items()
        if value != usual[key]
    }
    special["defect"] = {k: v for k, v in special["defect"].items() if v is not None}
    return {
        "rate_hz": _RATE_HZ,
        "length": _LENGTH,
        "period_s": plan.period_s,
        # The last burst ends within its period.
        "duration_s": plan.watching_s,
        "speedup": plan.speedup,
        **special,
    }


def _undamaged(plan: Plan) -> dict[str, Any]:
    """Return the options for the machine without its spall and its stop, a few windows a second."""
    left_out = ("defect", "idle", "duration_s")
    kept = {key: value for key, value in _options(plan).items() if key not in left_out}
    return {**kept, "speedup": _WINDOWS_PER_S * plan.period_s}
