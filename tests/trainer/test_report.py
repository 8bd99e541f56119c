import re
from html.parser import HTMLParser
from typing import Any

import pytest

from edge_agent.bundle import Bundle
from trainer.evaluate import Evaluation, Parity, Verdicts
from trainer.networks import FitHistory, NetworkSpec
from trainer.report import verdict
from trainer.report.page import kept_epoch

CALM = "rms-5-sigma"


def _evaluation(**detectors: tuple[int | None, int]) -> Evaluation:
    """(first alarm, alarms in the healthy part) of ``network`` and the plain methods."""
    found = {
        name: Verdicts(
            first_alarm=first, alarms_in_healthy=n, alarms_per_healthy_day=None, alarms=()
        )
        for name, (first, n) in detectors.items()
    }
    return Evaluation(
        windows=100,
        scored=80,
        not_scored={"washout": 20},
        healthy=(0, 50),
        verdicts={"all": found["network"], **found},
        parity=Parity(
            quantized_first_alarm=None,
            float_first_alarm=None,
            flipped_share=0.0,
            score_difference=0.0,
        ),
    )


@pytest.mark.parametrize(
    ("detectors", "sentence"),
    [
        (
            {"network": (60, 0), "level": (70, 0), "cusum": (None, 0)},
            (
                "The network alone alarms at window 60; no plain method with as few alarms in the"
                " healthy part is earlier."
            ),
        ),
        (
            {"network": (60, 0), "level": (60, 0), "cusum": (61, 0)},
            (
                "The network alone alarms at window 60, level in the same one; no plain method with"
                " as few alarms in the healthy part is earlier."
            ),
        ),
        (
            {"network": (60, 0), "level": (70, 0), "cusum": (51, 2)},
            (
                "The network alone alarms at window 60; no plain method with as few alarms in the"
                " healthy part is earlier. Earlier, but with more alarms there: cusum at window 51."
            ),
        ),
        (
            {"network": (60, 1), "level": (59, 0), "cusum": (55, 1), "late": (90, 0)},
            (
                "The network alone alarms at window 60; earlier, with no more alarms in the healthy"
                " part: cusum at window 55, level at window 59. On this recording the plain method"
                " would do."
            ),
        ),
        (
            {"network": (None, 0), "level": (59, 0)},
            (
                "The network alone alarms not at all; earlier, with no more alarms in the healthy"
                " part: level at window 59. On this recording the plain method would do."
            ),
        ),
        (
            {"network": (None, 0), "level": (None, 0)},
            (
                "Neither the network nor a plain method with as few alarms in the healthy part"
                " alarms after it; nothing here tells them apart."
            ),
        ),
        (
            {"network": (None, 0), "level": (None, 0), "cusum": (51, 3)},
            (
                "Neither the network nor a plain method with as few alarms in the healthy part"
                " alarms after it; nothing here tells them apart. Earlier, but with more alarms"
                " there: cusum at window 51."
            ),
        ),
        (
            {"network": (60, 0)},
            (
                "The network alone alarms at window 60; no plain method with as few alarms in the"
                " healthy part is earlier."
            ),
        ),
    ],
)
def test_the_verdict_says_what_was_found_and_no_more(
    detectors: dict[str, tuple[int | None, int]], sentence: str
) -> None:
    assert verdict(_evaluation(**detectors)) == sentence


@pytest.mark.parametrize(
    ("best", "sentence"),
    [(3, "The weights are those of epoch 4 of 6."), (-1, "the recurrent layers add nothing here")],
)
def test_a_fit_that_no_epoch_improved_says_so(
    random_network: Any, best: int, sentence: str
) -> None:
    spec = NetworkSpec(family="forecaster", form="streaming", units=(4,), memory_alpha=0.1)
    network = random_network(spec, 3, 3)
    history = FitHistory(loss=(1.0,) * 6, val_loss=(1.0,) * 6, best_epoch=best)
    object.__setattr__(network, "history", history)
    assert sentence in kept_epoch(network)


class _References(HTMLParser):
    """Everything a browser would fetch, and the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data")]


@pytest.fixture(scope="module")
def page(trained: Any) -> str:
    text: str = trained.report.read_text("utf-8")
    return text


def test_the_page_needs_nothing_from_anywhere(page: str) -> None:
    references = _References()
    references.feed(page)
    assert len(references.found) == 4
    assert all(found.startswith("data:image/png;base64,") for found in references.found)
    assert not references.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"@import|url\(|https?://", page)


def test_the_page_shows_verdict_detectors_runtimes_and_alarms(page: str, trained: Any) -> None:
    evaluation = trained.evaluation
    assert verdict(evaluation) in page
    for name in ("what ships: network and level", "network alone", "level alone", CALM):
        assert name in page
    assert f"<td>{evaluation.verdicts['all'].alarms[0].opened}</td>" in page
    for name, _ in evaluation.verdicts["all"].alarms[0].features:
        assert name in page
    assert "ok</td>" in page
    assert "FULLY_CONNECTED" in page


def test_the_bundle_carries_the_page(page: str, trained: Any) -> None:
    assert Bundle.read(trained.bundle).report == page.encode("utf-8")
