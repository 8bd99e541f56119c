"""Lead against false alarms of every detector."""

from typing import TYPE_CHECKING

from trainer.report.findings import Findings
from trainer.report.lead import Reach, reaches, unit
from trainer.report.plots.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RED,
    Height,
    Picture,
    picture,
    plain_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OWN = {"all": (INK, "o"), "network": (BLUE, "s"), "level": (ORANGE, "D")}
_MARKS = "^v<>PX*hdp"
_COLOURS = (GREEN, PURPLE, RED, FAINT, "#e69f00", "#56b4e9")
_MOST = 20  # false alarms beyond which nobody listens


def leads_picture(findings: Findings) -> Picture | None:
    """Draw the curves; None where no detector has one."""
    found = reaches(findings)
    if not found:
        return None
    most = min(_MOST, max(max(r.false_alarms) for r in found.values()) + 1)
    within = findings.evaluation.windows

    def draw(figure: "Figure", narrow: bool) -> None:  # noqa: FBT001 - see picture
        from matplotlib.ticker import MaxNLocator

        axes = figure.subplots()
        plain_axes(axes)
        for k, (name, reach) in enumerate(found.items()):
            own = name in _OWN
            colour, mark = _OWN.get(name, (_COLOURS[k % len(_COLOURS)], _MARKS[k % len(_MARKS)]))
            x, y = _stairs(reach, most)
            axes.plot(
                x,
                y,
                color=colour,
                marker=mark,
                markevery=[0],
                ms=5,
                lw=2.0 if name == "all" else 1.1,
                ls="-" if own else "--",
                label=findings.names[name],
            )
        axes.set_xlim(-0.25, most + 0.25)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("false alarms in the healthy part")
        axes.set_ylabel(f"lead, {unit(findings)}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside lower left" if narrow else "outside right upper")

    said = "; ".join(
        f"{findings.names[name]} {reach.lead[0]:.3g} at {reach.false_alarms[0]} false alarms"
        for name, reach in found.items()
    )
    caption = (
        "For each number of false alarms in the healthy part, the longest lead that any threshold"
        " from 1/8 to 16 times the detector's own gives. Higher and further left is better. It is"
        " an oracle's choice, the same for all; thresholds whose alarm is open at the end of the"
        " healthy part or opens on its edge are left out."
    )
    rows = len(found)
    return picture(
        draw,
        Height(3.2, 2.6 + 0.17 * rows),
        alt=f"Lead in {unit(findings)} over {within} windows: {said}.",
        caption=caption,
    )


def _stairs(reach: Reach, most: int) -> tuple[list[float], list[float]]:
    """Return the curve as steps: a lead holds until more false alarms buy a longer one."""
    x, y = [float(reach.false_alarms[0])], [reach.lead[0]]
    for false_alarms, lead in zip(reach.false_alarms[1:], reach.lead[1:], strict=True):
        x += [float(false_alarms)] * 2
        y += [y[-1], lead]
    return [*x, float(most)], [*y, y[-1]]
