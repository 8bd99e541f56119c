"""Fitting: from scaled vectors to a network's weights."""

from trainer.fit.batches import FitError
from trainer.fit.fit import fit_network
from trainer.fit.process import fit_in_child
from trainer.fit.spec import FitSpec

__all__ = ["FitError", "FitSpec", "fit_in_child", "fit_network"]
