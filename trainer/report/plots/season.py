"""What is usual at which hour."""

from typing import TYPE_CHECKING

import numpy as np

from edge_agent.pipeline.season import DAY_S, SeasonSpec
from trainer.report.plots.canvas import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    Height,
    Picture,
    picture,
    plain_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 4
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))


def season_picture(season: SeasonSpec, names: tuple[str, ...]) -> Picture:
    """Draw the profile of the first features that have one."""
    weekly = season.period == "week"
    shown = list(zip(season.features, season.mode, season.profile, strict=True))[:_SHOWN]

    def draw(figure: "Figure", narrow: bool) -> None:  # noqa: FBT001 - see picture
        axes = figure.subplots()
        plain_axes(axes)
        for (feature, mode, profile), (colour, line) in zip(shown, _LOOKS, strict=False):
            unit = DAY_S if weekly else 3600
            bins = np.arange(len(profile)) * season.bin_s / unit
            axes.step(
                bins,
                profile,
                where="post",
                color=colour,
                ls=line,
                lw=1.0,
                label=f"{names[feature]} ({mode})",
            )
        axes.axhline(1.0 if shown[0][1] == "ratio" else 0.0, color=INK, lw=0.7)
        if weekly:
            axes.set_xticks(np.arange(7) + 0.5, _DAYS)
            axes.set_xlim(0, 7)
        else:
            axes.set_xticks(range(0, 25, 4))
            axes.set_xlabel("hour of the day")
        axes.set_ylabel("usual, of the mean")
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=1 if narrow else 4)

    said = "; ".join(
        f"{names[feature]} goes from {min(profile):.3g} to {max(profile):.3g}"
        for feature, _, profile in shown
    )
    more = len(season.features) - len(shown)
    rest = f" {more} more features have a profile that is not drawn." if more else ""
    return picture(
        draw,
        Height(2.5, 2.6),
        alt=f"Profile of the {season.period}: {said}.",
        caption=f"What is usual at each time of the {season.period} is taken off before anything is"
        f" scored, so a busy hour is no anomaly; an unusual one is.{rest}",
    )
