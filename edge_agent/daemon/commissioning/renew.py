"""An asset that was commissioned with one general bundle is commissioned with the next one."""

import logging

from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import Overlay, OverlayError, decode_overlay
from edge_agent.daemon.commissioning.compute import Order, run_child
from edge_agent.daemon.commissioning.overlays import Overlays
from edge_agent.daemon.config.settings import Asset

_log = logging.getLogger(__name__)


def renew(overlays: Overlays, asset: Asset, bundle: Bundle) -> Overlay | None:
    """Return what ``asset`` is to the general ``bundle``, by the windows it was healthy in before.

    None where it was never commissioned, or those windows are remembered no more: the asset is
    then listened to again. Waits for the computation, some seconds.
    """
    former = overlays.newest(asset.name)
    if former is None or former.sensor != asset.sensor.plugin:
        return None
    first, end = former.healthy
    order = Order(
        asset=asset.name,
        sensor=asset.sensor.plugin,
        bundle=bundle.source,
        sha256=bundle.sha256,
        recorder=str(overlays.recorder),
        first=first,
        end=end,
        input=former.flow.input,
        features=former.flow.features,
        names=former.flow.feature_names,
        limit_mm_s=asset.limit_mm_s,
        false_alarms_per_month=asset.false_alarms_per_month,
    )
    try:
        outcome = run_child(order)
        if outcome.overlay is not None:
            overlay = decode_overlay(outcome.overlay.encode())
            overlays.keep(asset.name, overlay)
            _log.info("asset %s: commissioned anew from windows %d:%d", asset.name, first, end)
            return overlay
        reason = outcome.refused
    except (OSError, OverlayError) as error:
        reason = str(error)
    _log.warning("asset %s: not commissioned anew with %s: %s", asset.name, bundle.source, reason)
    return None
