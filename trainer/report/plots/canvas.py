"""A picture on the page: drawn once for a wide window and once for a narrow one."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis
    from matplotlib.figure import Figure

# Okabe and Ito 2008: told apart by everybody; no line or area is told by its colour alone
INK, GRID, FAINT = "#1c2733", "#dfe5ea", "#8b98a5"
BLUE, ORANGE, GREEN, RED, PURPLE = "#0072b2", "#d55e00", "#009e73", "#b3261e", "#aa4499"

_WIDE_IN, _NARROW_IN = 9.4, 3.8
_WIDE_DPI, _NARROW_DPI = 150, 190
_COLOURS = 96  # of the palette: lines on white need few, and the page stays small
_STYLE = Path(__file__).with_name("page.mplstyle")


@dataclass(frozen=True, slots=True)
class Picture:
    """Two renditions with what they show in words.

    Attributes:
        wide: PNG in base64.
        narrow: likewise.
        size: of the wide one in pixels, width and height.
        alt: what is to be seen, for those who cannot see it.
        caption: how to read it.
    """

    wide: str
    narrow: str
    size: tuple[int, int]
    alt: str
    caption: str


@dataclass(frozen=True, slots=True)
class Height:
    """In inches."""

    wide: float
    narrow: float


def picture(
    draw: "Callable[[Figure, bool], None]", height: Height, *, alt: str, caption: str
) -> Picture:
    """Return what ``draw(figure, narrow)`` makes of an empty figure, twice."""
    wide, size = _render(draw, (_WIDE_IN, height.wide), _WIDE_DPI, narrow=False)
    narrow, _ = _render(draw, (_NARROW_IN, height.narrow), _NARROW_DPI, narrow=True)
    return Picture(wide, narrow, size, alt, caption)


def plain_axes(axes: "Axes") -> None:
    """Take away what tells nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color=GRID, lw=0.6)
    axes.set_axisbelow(True)


def plain_log(axis: "XAxis | YAxis") -> None:
    """Make ``axis`` logarithmic, its numbers as people write them."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _render(
    draw: "Callable[[Figure, bool], None]",
    size_in: tuple[float, float],
    dpi: int,
    *,
    narrow: bool,
) -> tuple[str, tuple[int, int]]:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    encoded = io.BytesIO()
    with rc_context(fname=_STYLE):
        figure = Figure(figsize=size_in, dpi=dpi, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        draw(figure, narrow)
        # once: savefig would draw it twice, and encode what would be decoded here
        canvas.draw()  # type: ignore[no-untyped-call]
    image = Image.fromarray(np.asarray(canvas.buffer_rgba()))  # type: ignore[no-untyped-call]
    few = image.convert("RGB").quantize(colors=_COLOURS)
    few.save(encoded, format="png", optimize=True)
    return base64.b64encode(encoded.getvalue()).decode("ascii"), few.size
