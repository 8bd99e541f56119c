"""The evaluation as a page."""

from trainer.report.page import Findings, render, verdict

__all__ = ["Findings", "render", "verdict"]
