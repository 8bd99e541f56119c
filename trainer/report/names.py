"""What detectors are called where people read."""

from collections.abc import Mapping

from trainer.evaluate import Evaluation, Verdicts

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "CUSUM": ("cusum",),
    "PCA": ("pca", "pca-t2", "pca-spe"),
    "the seasonal profile": ("weekly-profile",),
}  # what the network has to beat, by the recipes that stand for it
TRAINER_ONLY = ("random", "isolation-forest")  # no gateway can run them
PARTS = ("all", "network", "level")

_TITLES = {
    "cusum": "CUSUM",
    "ewma": "EWMA",
    "isolation-forest": "isolation forest",
    "moving-z": "moving z",
    "pca": "PCA, T² and SPE",
    "pca-spe": "PCA, SPE",
    "pca-t2": "PCA, T²",
    "persistence": "persistence",
    "random": "random score",
    "rms-3-sigma": "RMS, mean + 3 sigma",
    "rms-5-sigma": "RMS, mean + 5 sigma",
    "weekly-profile": "weekly profile",
}


def detectors(evaluation: Evaluation, recipe: str, *, has_network: bool) -> dict[str, str]:
    """Return the title of each detector of ``evaluation``, in the order of the tables.

    A bundle without a level detector is its own only part, which is left out.

    Args:
        evaluation: with the detectors.
        recipe: that the bundle was made by.
        has_network: whether it holds a network, or is a plain method.
    """
    parts = "level" in evaluation.verdicts
    titles = {"all": _whole(recipe, has_network=has_network, parts=parts)}
    if parts:
        titles["network"] = "the network alone" if has_network else "its score alone"
        titles["level"] = "the level detector alone"
    others = [name for name in evaluation.verdicts if name not in PARTS]
    ranked = sorted(others, key=lambda n: (n == "random", *_rank(evaluation.verdicts[n])))
    return titles | {name: title_of(name) for name in ranked}


def subject(evaluation: Evaluation) -> str:
    """Return which of the verdicts is that of the network, or of what takes its place."""
    return "network" if "level" in evaluation.verdicts else "all"


def title_of(name: str) -> str:
    """Return what the plain method ``name`` is called; one that is unknown here keeps its name."""
    return _TITLES.get(name, name)


def _whole(recipe: str, *, has_network: bool, parts: bool) -> str:
    if not has_network:
        return f"this bundle: {title_of(recipe)}"
    return "this bundle: network and level" if parts else "this bundle: the network"


def _rank(found: Verdicts) -> tuple[float, float]:
    """Sort by VUS-PR where there are labels, else by false alarms and the first alarm."""
    if found.labelled is not None:
        return -found.labelled.vus_pr, 0.0
    first = float("inf") if found.first_alarm is None else float(found.first_alarm)
    return float(found.alarms_in_healthy or 0), first
