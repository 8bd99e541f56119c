"""How much a machine of a class may shake: the zones of ISO 20816-3."""

from typing import Literal

Group = Literal[1, 2]
Support = Literal["rigid", "flexible"]
Zone = Literal["C", "D"]

# Lower ends of the zones, rms of the velocity in mm/s on non-rotating parts, by machine group and
# support: ISO 20816-3:2022, annex A, as before in ISO 10816-3:2009, tables A.1 and A.2. Group 1 is
# above 300 kW (electrical machines: shaft height 315 mm and more), group 2 from 15 to 300 kW (160
# to 315 mm). Zone C: not fit for long continuous operation. Zone D: severe enough to do damage.
ZONES_MM_S: dict[tuple[Group, Support], dict[Zone, float]] = {
    (1, "rigid"): {"C": 4.5, "D": 7.1},
    (1, "flexible"): {"C": 7.1, "D": 11.0},
    (2, "rigid"): {"C": 2.8, "D": 4.5},
    (2, "flexible"): {"C": 4.5, "D": 7.1},
}
