"""Fitting: from scaled vectors to a network's weights."""

from trainer.fit.batches import FitError
from trainer.fit.fit import fit_network
from trainer.fit.process import fit_in_child
from trainer.fit.search import SearchSpec, fit_best
from trainer.fit.spec import FitSpec

__all__ = ["FitError", "FitSpec", "SearchSpec", "fit_best", "fit_in_child", "fit_network"]
