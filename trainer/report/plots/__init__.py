"""The report's pictures, as PNG in base64 so that the page is one file."""

from trainer.report.plots.canvas import Picture
from trainer.report.plots.distribution import distribution_picture
from trainer.report.plots.leads import leads_picture
from trainer.report.plots.score import score_picture
from trainer.report.plots.season import season_picture
from trainer.report.plots.training import training_picture
from trainer.report.plots.trends import responsible, trends_picture

__all__ = [
    "Picture",
    "distribution_picture",
    "leads_picture",
    "responsible",
    "score_picture",
    "season_picture",
    "training_picture",
    "trends_picture",
]
