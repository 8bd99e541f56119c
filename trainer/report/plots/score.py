"""The score over time, with the threshold and everything that is known."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.metrics import Ratios
from trainer.outcome import outcome_of
from trainer.report.findings import Findings
from trainer.report.moments import at
from trainer.report.plots.canvas import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    RED,
    Height,
    Picture,
    picture,
    plain_axes,
    plain_log,
)
from trainer.report.plots.windows import alarm_spans, draw_lanes, lane_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOWEST = 0.05  # of the threshold; below there is nothing to see


def score_picture(findings: Findings) -> Picture:
    """Draw score / threshold of the network and of the level detector over the windows."""
    parts = [np.maximum(p.values, _LOWEST) for p in _parts(findings)]
    first = "network" if findings.has_network else "score"
    lines = list(zip((first, "level detector"), parts, strict=False))

    def draw(figure: "Figure", narrow: bool) -> None:  # noqa: FBT001 - see picture
        ratio = (10.0, 1.0 + 0.75 * lane_count(findings))
        top, below = figure.subplots(2, sharex=True, height_ratios=ratio)
        plain_axes(top)
        for a, b in alarm_spans(findings):
            top.axvspan(a, max(b, a + 1), color=RED, alpha=0.10, lw=0)
        for (name, values), colour, width in zip(lines, (BLUE, ORANGE), (0.9, 0.8), strict=False):
            top.plot(values, color=colour, lw=width, label=name, ls="-" if colour == BLUE else "--")
        top.axhline(1.0, color=INK, lw=1.0, label="threshold")
        if findings.truth.fpt is not None:
            top.axvline(findings.truth.fpt, color=FAINT, lw=1.2, ls=":", label="FPT given")
        plain_log(top.yaxis)
        top.set_ylabel("score / threshold")
        top.tick_params(axis="x", length=0, labelbottom=False)
        top.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2 if narrow else 4)
        draw_lanes(below, findings, narrow=narrow)

    return picture(draw, Height(3.9, 3.6), alt=_alt(findings, lines), caption=_CAPTION)


_CAPTION = (
    "Above the line at 1 a window is abnormal; some such windows in a row open an alarm, as the"
    " alarm rule says. The scale is logarithmic; what is below 0.05 is drawn there. Beneath it:"
    " when an alarm was open, and what was known of the recording."
)


def _parts(findings: Findings) -> Sequence[Ratios]:
    return outcome_of(findings.results, findings.spec).detectors


def _alt(findings: Findings, lines: Sequence[tuple[str, NDArray[np.float64]]]) -> str:
    said = []
    for name, values in lines:
        if np.isfinite(values).any():
            peak = int(np.nanargmax(values))
            said.append(
                f"the {name} is at most {values[peak]:.3g} times its threshold,"
                f" in window {at(findings.series, peak)}"
            )
    alarms = findings.evaluation.verdicts["all"].alarms
    spans = ", ".join(
        f"{a.opened} to {'the end' if a.closed is None else a.closed}" for a in alarms[:5]
    )
    more = f" and {len(alarms) - 5} more" if len(alarms) > 5 else ""  # noqa: PLR2004
    said.append(f"alarms are open in windows {spans}{more}" if alarms else "no alarm opens")
    return f"Score over threshold, window by window: {'; '.join(said)}."
