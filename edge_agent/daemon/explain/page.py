"""A snapshot as one page that needs nothing else: to be sent, printed, read on a telephone."""

from xml.etree.ElementTree import Element, tostring

from edge_agent.daemon.explain.charts import (
    draw_lines,
    draw_range,
    draw_spectrum,
    draw_waveforms,
)
from edge_agent.daemon.explain.findings import (
    advice,
    candidates,
    detector,
    headline,
    healthy,
    scores,
    when,
)
from edge_agent.daemon.explain.style import STYLE
from edge_agent.daemon.explain.svg import node
from edge_agent.daemon.explain.text import learned_from
from edge_agent.daemon.explain.words import compared, number, quantity, title
from edge_agent.daemon.messages import Snapshot
from edge_agent.pipeline.evidence import FeatureEvidence
from edge_agent.pipeline.picture import ChannelPicture


def page(snapshot: Snapshot) -> bytes:
    """Return the page, HTML in UTF-8."""
    event = snapshot.event
    html = Element("html", {"lang": "en"})
    head = node(html, "head")
    node(head, "meta", charset="utf-8")
    node(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    node(head, "title", f"{event.asset}: anomaly {event.number}, {when(event.opened)}")
    node(head, "style", STYLE)
    body = node(html, "body")
    _top(body, snapshot)
    _features(body, snapshot)
    for channel in snapshot.channels:
        _channel(body, channel, snapshot)
    _foot(body, snapshot)
    content: bytes = tostring(html, encoding="utf-8", method="html")
    return b"<!DOCTYPE html>\n" + content + b"\n"


def _top(body: Element, snapshot: Snapshot) -> None:
    event = snapshot.event
    head = node(body, "h1", f"{event.asset} ")
    node(head, "span", event.level.upper(), class_=f"level {event.level}")
    opened = f"Gateway {event.gateway}, anomaly {event.number}, opened {when(event.opened)}"
    later = "" if event.event == "open" else f", pictured {when(snapshot.start)}"
    node(body, "p", f"{opened}{later}", class_="soft")
    verdict = node(body, "div", class_="verdict")
    node(verdict, "p", headline(snapshot), class_="headline")
    node(verdict, "p", f"Found by {detector(snapshot)}.")
    for channel, fault in candidates(snapshot)[:1]:
        text = f"Candidate: {fault.part} ({fault.name}), channel {channel.name}."
        node(verdict, "p", text)
    node(body, "h2", "What to look at")
    steps = node(body, "ol")
    for sentence in advice(snapshot):
        node(steps, "li", sentence)
    figures = node(body, "dl", class_="figures")
    _figure(figures, "severity", f"{event.severity:.2g}", "times its threshold; 1 is just abnormal")
    for score in scores(snapshot):
        _figure(figures, score.detector, number(score.score), score.beside)


def _figure(parent: Element, name: str, value: str, note: str) -> None:
    box = node(parent, "div")
    node(box, "dt", name)
    node(box, "dd", value, class_="value")
    node(box, "dd", note, class_="note")


def _features(body: Element, snapshot: Snapshot) -> None:
    node(body, "h2", "What is unusual")
    legend = node(body, "p", class_="soft")
    _key(legend, "healthy", "range in which nine of ten healthy windows were, and their median")
    _key(legend, "now", "in the window of the picture")
    cards = node(body, "div", class_="features")
    for one in (*snapshot.event.features, *snapshot.others):
        _feature(cards, one, snapshot.rate_hz)


def _feature(parent: Element, feature: FeatureEvidence, rate_hz: float | None) -> None:
    box = node(parent, "div", class_="feature" if feature.share is None else "feature strong")
    head = node(box, "div", class_="name")
    node(head, "b", title(feature, rate_hz))
    where = "" if feature.channel is None else f" channel {feature.channel}"
    share = "" if feature.share is None else f", {feature.share:.0%} of the score"
    node(head, "small", f"{where}{share}".strip(" ,") or feature.name)
    value = node(box, "div", class_="number")
    node(value, "b", quantity(feature.value, feature.unit))
    node(value, "small", healthy(feature))
    draw_range(node(box, "div", class_="bar"), feature)
    node(box, "div", compared(feature), class_="said")


def _channel(body: Element, channel: ChannelPicture, snapshot: Snapshot) -> None:
    node(body, "h2", f"Channel {channel.name}")
    legend = node(body, "p", class_="soft")
    if channel.healthy_db is not None or channel.healthy_waveform is not None:
        _key(legend, "healthy", "healthy, dashed (shaded: usual spread)")
    _key(legend, "now", f"now, {quantity(channel.rms, snapshot.unit)} rms")
    pair = node(body, "div", class_="pair")
    if channel.now_db is not None:
        figure = node(pair, "figure")
        draw_spectrum(figure, channel, snapshot.edges_hz, snapshot.unit)
        text = "Spectrum: at which frequencies it vibrates. Named: what is clearly above healthy."
        node(figure, "figcaption", text)
    figure = node(pair, "figure")
    draw_waveforms(figure, channel, snapshot.unit)
    node(figure, "figcaption", "Waveform: impacts show as spikes. Both on the same scale.")
    for picture in channel.lines:
        figure = node(pair, "figure")
        draw_lines(figure, picture, channel.name)
        said = [
            f"{fault.name} ({fault.part}) {number(fault.prominence)}"
            + ("" if fault.healthy is None else f", {number(fault.healthy)} in health")
            for fault in picture.faults
        ]
        caption = f"{picture.title[:1].upper()}{picture.title[1:]}. Times the median: "
        node(figure, "figcaption", f"{caption}{'; '.join(said)}. 5 and more is a line.")


def _key(parent: Element, kind: str, text: str) -> None:
    node(parent, "span", class_=f"key {kind}")
    last = node(parent, "span", text, class_="keyed")
    last.tail = " "


def _foot(body: Element, snapshot: Snapshot) -> None:
    event = snapshot.event
    node(body, "h2", "Where this comes from")
    node(body, "p", learned_from(snapshot))
    if snapshot.channels_left_out:
        left_out = ", ".join(snapshot.channels_left_out)
        node(body, "p", f"Not pictured, as a message has room for 32 KiB: {left_out}.")
    facts = f"Anomaly {event.anomaly_id}, window {event.index}, bundle {event.model_sha256[:12]}"
    node(body, "p", facts, class_="soft small")
