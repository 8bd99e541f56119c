"""Networks: what a recipe asks for, fitted weights as arrays, and what they compute."""

from trainer.networks.fitted import (
    FitHistory,
    FittedNetwork,
    LayerWeights,
    NetworkError,
    Trial,
)
from trainer.networks.reference import (
    predict_passes,
    predict_step,
    predict_stream,
    predict_windows,
    remember,
    zero_state,
)
from trainer.networks.spec import NetworkSpec

__all__ = [
    "FitHistory",
    "FittedNetwork",
    "LayerWeights",
    "NetworkError",
    "NetworkSpec",
    "Trial",
    "predict_passes",
    "predict_step",
    "predict_stream",
    "predict_windows",
    "remember",
    "zero_state",
]
