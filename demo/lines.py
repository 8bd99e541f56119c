"""One line for each thing worth telling."""

from demo.journal import Placed
from demo.screen import WIDTH
from demo.story import Story
from demo.times import position
from edge_agent.daemon.messages import Score
from edge_agent.daemon.status_message import AssetStatus, Status
from edge_agent.pipeline.evidence import FeatureEvidence

_RUNTIMES = ("tflite-runtime", "ai-edge-litert")


def heading() -> str:
    """Return the heading of the lines below."""
    return _row("time", "asset", "event", "severity", "by", "most responsible features")


def event_line(placed: Placed, story: Story) -> str:
    """Return what an event says."""
    event = placed.event
    begin = _row(
        position(placed.window, story.period_s),
        event.asset,
        event.event.upper() if event.event == "open" else event.event,
        f"{event.severity:.1f}",
        event.detector,
        "",
    )
    return begin + _shares(event.features, WIDTH - len(begin))


def status_lines(status: Status, before: Status | None) -> list[str]:
    """Return what is new in the gateway's status."""
    lines = []
    if before is None or before.state != status.state:
        runtime = next((f"{n} {status.versions[n]}" for n in _RUNTIMES if n in status.versions), "")
        agent = f"agent {status.versions.get('edge-agent', '?')}"
        spoken = f"{agent}, {runtime}, MQTT {status.mqtt_protocol}"
        text = spoken if status.state == "online" else status.reason or ""
        lines.append(_said("gateway", status.state, text))
    known = {} if before is None else {asset.name: asset.state for asset in before.assets}
    news = [a for a in status.assets if a.state not in ("starting", known.get(a.name))]
    if status.state == "online":
        lines += [_said(asset.name, asset.state, asset.reason or _source(asset)) for asset in news]
    return lines


def score_text(window: int, score: Score, story: Story) -> str:
    """Return how a window was judged, to be shown until the next one comes."""
    when = f"  {position(window, story.period_s):<12}"
    if score.score is None:
        return f"{when}not scored: {score.reason}"
    level = ""
    if score.level_score is not None and score.level_threshold:
        level = f"   level {score.level_score / score.level_threshold:6.2f}"
    return f"{when}score / threshold: network {score.score / score.threshold:6.2f}{level}"


def note_line(window: int, text: str, story: Story) -> str:
    """Return what the spectator should know."""
    return f"  {position(window, story.period_s):<12}-- {text}"


def _row(when: str, asset: str, event: str, severity: str, detector: str, features: str) -> str:
    return f"  {when:<12}{asset:<11}{event:<8}{severity:>8}  {detector:<9}{features}"


def _said(who: str, state: str, text: str) -> str:
    return f"  {'':<12}{who:<11}{state:<9}{text}"[:WIDTH]


def _source(asset: AssetStatus) -> str:
    if not asset.channels:
        return ""
    shown = ", ".join(asset.channels[:4]) + (", ..." if len(asset.channels) > 4 else "")  # noqa: PLR2004
    rate = "" if asset.rate_hz is None else f", {asset.rate_hz:g} Hz"
    return f"{asset.sensor}: {shown}{rate}{'' if asset.unit is None else f', {asset.unit}'}"


def _shares(shares: tuple[FeatureEvidence, ...], width: int) -> str:
    """Return as many as fit into ``width``."""
    text = ""
    for share in shares:
        more = f"{text}{', ' if text else ''}{share.name} {share.share or 0:.0%}"
        if len(more) > width:
            break
        text = more
    return text
