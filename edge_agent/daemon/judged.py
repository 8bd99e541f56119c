"""An asset of the configuration with the bundle that judges it."""

from dataclasses import dataclass

from msgspec import structs

from edge_agent.bundle import BundleError, LoadedBundle
from edge_agent.calibration.budget import BudgetError
from edge_agent.daemon.commissioning.listening import ListeningBundle
from edge_agent.daemon.config.followed import awaited_line
from edge_agent.daemon.config.settings import Asset
from edge_agent.daemon.models import Models
from edge_agent.pipeline.limit import velocity_meter
from edge_agent.plugin import FeatureError


@dataclass(frozen=True, slots=True)
class Judged:
    """An asset with what judges it.

    Attributes:
        asset: its settings.
        bundle: None where ``reason`` says why there is none.
        reason: likewise.
    """

    asset: Asset
    bundle: LoadedBundle | None
    reason: str | None = None

    def is_as(self, other: "Judged") -> bool:
        """Say whether settings and bundle are those of ``other``."""
        models = {None if j.bundle is None else j.bundle.model_id for j in (self, other)}
        return self.asset == other.asset and len(models) == 1

    def is_sensed_as(self, other: "Judged") -> bool:
        """Say whether only what judges the asset is another: its sensor need not know."""
        settings = structs.replace(
            other.asset,
            bundle=self.asset.bundle,
            false_alarms_per_month=self.asset.false_alarms_per_month,
        )
        return settings == self.asset and None not in (self.bundle, other.bundle)


def judge(asset: Asset, models: Models) -> Judged:
    """Load what judges ``asset``, or say why that cannot be."""
    try:
        bundle = models.load_for(asset).for_budget(asset.false_alarms_per_month)
        if asset.velocity_limit is not None and not isinstance(bundle, ListeningBundle):
            velocity_meter(bundle.manifest.flow.input)
    except (BundleError, BudgetError) as error:
        line = awaited_line(asset.bundle)
        awaited = None if line is None else f"no model was installed for line {line} yet"
        return Judged(asset, None, awaited or str(error))
    except FeatureError as error:
        return Judged(asset, None, f"velocity_limit: {error}")
    return Judged(asset, bundle)
