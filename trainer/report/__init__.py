"""The HTML report of a training run or of a bundle on a recording."""

from trainer.report.findings import Findings, Fitting
from trainer.report.page import render
from trainer.report.verdict import verdict

__all__ = ["Findings", "Fitting", "render", "verdict"]
