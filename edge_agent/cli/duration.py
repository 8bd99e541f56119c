"""How long: ``90s``, ``5m``, ``1.5h``, ``2d`` on the command line."""

import re

import click

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_LONGEST_S = 90 * 86400.0  # as in every command


class Duration(click.ParamType[float]):
    """Seconds, from a number with a unit."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        match = _FORM.fullmatch(str(value))
        seconds = float(match[1]) * _UNITS_S[match[2]] if match else 0.0
        if not 0.0 < seconds <= _LONGEST_S:
            self.fail(
                f"found {value!r}; allowed: such as 90s, 5m, 1.5h or 2d, at most 90d", param, ctx
            )
        return seconds


DURATION = Duration()


def duration_text(seconds: float) -> str:
    """Return a duration for people: the two largest units, seconds alone below a minute."""
    if seconds < _UNITS_S["m"]:
        return f"{seconds:.0f} s"
    minutes = int(seconds // _UNITS_S["m"])
    hours, days = minutes // 60, minutes // (24 * 60)
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
