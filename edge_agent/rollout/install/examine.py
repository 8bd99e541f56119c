"""Whether a bundle that came from the operators may judge machines on this gateway."""

from collections.abc import Iterable

from edge_agent.bundle import Bundle, BundleError, LoadedBundle
from edge_agent.calibration.budget import BudgetError
from edge_agent.pipeline.limit import velocity_meter
from edge_agent.plugin import FeatureError
from edge_agent.rollout.install.needs import unmet_needs
from edge_agent.rollout.install.orders import AssetFacts
from edge_agent.rollout.messages import WantedModel


class ExaminationError(Exception):
    """A bundle is refused; the message says what was found and what is allowed."""


def examine(content: bytes, model: WantedModel, assets: Iterable[AssetFacts]) -> tuple[str, ...]:
    """Open a bundle, hold it against the sensors, and replay its golden vectors here.

    Args:
        content: the bundle's file, as the repository's metadata have it.
        model: as which it was wanted.
        assets: that follow its line.

    Returns:
        What could not be looked at.

    Raises:
        ExaminationError: damaged, another bundle than wanted, made for other sensors or feature
            plugins, or it computes other numbers with this gateway's interpreter.
    """
    try:
        bundle = Bundle.decode(content, model.target)
        manifest = bundle.manifest
        found = (manifest.name, manifest.version, bundle.sha256)
        if found != (model.name, model.version, model.sha256):
            raise ExaminationError(
                f"{model.target}: holds {found[0]} {found[1]} of sha256 {found[2][:12]}, wanted:"
                f" {model.name} {model.version} of {model.sha256[:12]}"
            )
        unseen = []
        loaded = bundle.load()
        for asset in assets:
            if asset.sensor is None:
                unseen.append(f"asset {asset.name}: its sensor was not opened yet to be compared")
            problems = _problems(bundle, loaded, asset)
            if problems:
                raise ExaminationError(f"asset {asset.name}: {'; '.join(problems)}")
        bundle.verify_golden(loaded)
    except BundleError as error:
        raise ExaminationError(str(error)) from error
    return tuple(unseen)


def _problems(bundle: Bundle, loaded: LoadedBundle, asset: AssetFacts) -> list[str]:
    """Say in sentences what of an asset the bundle cannot do."""
    problems = []
    if asset.sensor is not None:
        problems += unmet_needs(bundle, asset.sensor, asset.channels, asset.context)
    if bundle.manifest.form == "general":  # what it can do shows when it is commissioned
        return problems
    try:
        loaded.for_budget(asset.false_alarms_per_month)
    except BudgetError as error:
        problems.append(f"false_alarms_per_month: {error}")
    try:
        if asset.has_velocity_limit:
            velocity_meter(bundle.manifest.flow.input)
    except FeatureError as error:
        problems.append(f"velocity_limit: {error}")
    return problems
