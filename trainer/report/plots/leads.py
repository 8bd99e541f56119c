"""Lead against false alarms, this bundle's curve beside that of every other detector."""

from typing import TYPE_CHECKING

from trainer.report.findings import Findings
from trainer.report.lead import Reach, reaches, unit
from trainer.report.plots.canvas import BLUE, INK, Height, Picture, picture, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE, _NARROW = 4, 2  # panels in a row
_MOST = 20  # false alarms beyond which nobody listens
_CAPTION = (
    "Each panel holds another detector (blue, dashed) against this bundle (black). For each number"
    " of false alarms in the healthy part: the longest lead that any threshold from 1/8 to 16 times"
    " the detector's own gives. Higher and further left is better. Such thresholds are chosen with"
    " hindsight, for all alike; those whose alarm is open at the end of the healthy part or opens"
    " on its edge are left out."
)


def leads_picture(findings: Findings) -> Picture | None:
    """Draw the curves; None where no detector has one."""
    found = reaches(findings)
    if not found:
        return None
    own = found.get("all")
    others = {name: reach for name, reach in found.items() if name != "all"} or found
    most = min(_MOST, max(max(r.false_alarms) for r in found.values()) + 1)
    highest = max(max(r.lead) for r in found.values()) or 1.0  # an alarm in the last window

    def draw(figure: "Figure", narrow: bool) -> None:  # noqa: FBT001 - see picture
        columns = min(_NARROW if narrow else _WIDE, len(others))
        rows = -(-len(others) // columns)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        panels = grid.flatten().tolist()
        for axes, (name, reach) in zip(panels, others.items(), strict=False):
            plain_axes(axes)
            if own is not None:
                _draw(axes, own, most, color=INK, line="-", mark="o")
            _draw(axes, reach, most, color=BLUE, line="--", mark="s")
            axes.set_title(findings.names[name], loc="left")
            axes.set_xlim(-0.04 * most, most)
            axes.set_ylim(0.0, 1.08 * highest)
        for axes in panels[len(others) :]:
            axes.set_visible(False)
        figure.supxlabel("false alarms in the healthy part", fontsize=8.5)
        figure.supylabel(f"lead, {unit(findings)}", fontsize=8.5)

    said = "; ".join(
        f"{findings.names[name]} {reach.lead[0]:.3g} at {reach.false_alarms[0]} false alarms"
        for name, reach in found.items()
    )
    return picture(
        draw,
        Height(0.5 + 1.35 * -(-len(others) // _WIDE), 0.5 + 1.2 * -(-len(others) // _NARROW)),
        alt=f"Lead in {unit(findings)} against false alarms: {said}.",
        caption=_CAPTION,
    )


def _draw(axes: "Axes", reach: Reach, most: int, *, color: str, line: str, mark: str) -> None:
    """Draw the curve as steps: a lead holds until more false alarms buy a longer one."""
    shown = [(n, y) for n, y in zip(reach.false_alarms, reach.lead, strict=True) if n <= most]
    if shown:
        x, y = zip(*shown, (most, shown[-1][1]), strict=True)
        axes.step(x, y, where="post", color=color, ls=line, lw=1.4)
        axes.plot(x[:-1], y[:-1], mark, color=color, ms=3.0, clip_on=False)
