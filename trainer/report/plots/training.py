"""How the fit went."""

from typing import TYPE_CHECKING

import numpy as np

from trainer.networks import FitHistory
from trainer.report.plots.canvas import (
    BLUE,
    FAINT,
    ORANGE,
    Height,
    Picture,
    picture,
    plain_axes,
    plain_log,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ON_HEALTHY = (
    "Validation is on healthy windows that the weights were not fitted to; while it falls with"
    " the training loss, the network learns and does not memorise."
)
_ON_TEST = (
    "Validation is on the windows behind the healthy part, on which the network is judged, as it"
    " was published: no gateway has seen them."
)
_WIDE_RANGE = 20.0  # from here on a linear axis shows the first epochs alone


def training_picture(history: FitHistory, *, on_test: bool) -> Picture:
    """Draw the loss of each epoch, with the one whose weights were kept.

    ``on_test``: validation was on what the network is judged on, as some publish it.
    """
    losses = (*history.loss, *history.val_loss)

    def draw(figure: "Figure", narrow: bool) -> None:  # noqa: ARG001, FBT001 - see picture
        axes = figure.subplots()
        plain_axes(axes)
        for name, values, colour, mark in (
            ("training", history.loss, BLUE, "o-"),
            ("validation", history.val_loss, ORANGE, "s--"),
        ):
            if values:
                # a marker, because one epoch makes no line
                epochs = np.arange(1, len(values) + 1)
                axes.plot(epochs, values, mark, color=colour, ms=2.5, lw=1.0, label=name)
        if history.best_epoch >= 0:
            axes.axvline(history.best_epoch + 1, color=FAINT, lw=1.2, ls=":", label="kept")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        if max(losses) > _WIDE_RANGE * min(losses):
            plain_log(axes.yaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3)

    fall = f"Training loss from {history.loss[0]:.3g} to {history.loss[-1]:.3g}"
    alt = f"{fall} over {len(history.loss)} epochs."
    if history.val_loss:
        alt += f" Validation loss from {history.val_loss[0]:.3g} to {history.val_loss[-1]:.3g}."
    caption = _ON_TEST if on_test else _ON_HEALTHY
    return picture(draw, Height(2.5, 2.5), alt=alt, caption=caption)
