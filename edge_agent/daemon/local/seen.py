"""What viewers are shown of an asset and of a window, made from what the agent knows of them."""

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.local.messages import AssetSeen, WindowSeen
from edge_agent.daemon.messages import Share
from edge_agent.daemon.report import AssetReport
from edge_agent.pipeline.result import WindowResult


def asset_seen(asset: AssetReport) -> AssetSeen:
    """Return how an asset is now."""
    return AssetSeen(
        asset=asset.name,
        state=asset.state,
        reason=asset.reason or asset.last_reason,
        model=asset.model,
        score=asset.score,
        threshold=asset.threshold,
        level_score=asset.level_score,
        level_threshold=asset.level_threshold,
        anomaly=asset.anomaly,
        opened=None if asset.open is None else asset.open.opened,
        severity=None if asset.open is None else asset.open.severity,
    )


def window_seen(asset: str, result: WindowResult) -> WindowSeen:
    """Return what is shown of a window."""
    event = result.event
    return WindowSeen(
        asset=asset,
        index=result.index,
        start=rfc3339(result.start_ns),
        end=rfc3339(result.end_ns),
        score=result.score,
        threshold=result.threshold,
        level_score=result.level_score,
        level_threshold=result.level_threshold,
        anomaly=result.anomaly,
        reason=result.reason,
        gap=result.gap,
        clipped=result.clipped,
        event=None if event is None else event.kind,
        severity=None if event is None else event.severity,
        features=() if event is None else tuple(Share(*pair) for pair in event.features),
    )
