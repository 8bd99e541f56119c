"""The page: self-contained, honest about its case, and legible in a narrow window."""

import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import Bundle
from edge_agent.pipeline.regime import Regime, RegimeSpec
from edge_agent.pipeline.season import SeasonSpec
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.threshold import TailSpec
from edge_agent.recordings import RecordingOptions, open_recording
from trainer.evaluate_bundle import Known, evaluate_bundle
from trainer.report import Findings, render

replace = msgspec.structs.replace


class _References(HTMLParser):
    """Everything a browser would fetch, the tags that are open, and what pictures say."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()
        self.alts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data")]
        if tag == "img":
            self.alts.append(dict(attrs)["alt"] or "")


def _require_self_contained(page: str, pictures: int) -> None:
    references = _References()
    references.feed(page)
    assert len(references.alts) == pictures
    assert all(len(alt) > 40 for alt in references.alts)
    assert len(references.found) == 2 * pictures  # for a wide window and for a narrow one
    assert all(found.startswith("data:image/png;base64,") for found in references.found)
    assert not references.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"@import|url\(|https?://", page)
    assert len(page) < 600_000


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, vibration: Any) -> Path:
    path = tmp_path_factory.mktemp("report") / "<b>run.csv"
    loud = np.concatenate([vibration(70, seed=5), vibration(15, 1.0, seed=6)])
    np.savetxt(path, loud, fmt="%.7g", header="x", comments="")
    path.with_name("labels.txt").write_text("\n".join(map(str, np.repeat([0, 1], [70, 15]))))
    return path


def _page(bundle: bytes, recording: Path, **known: Any) -> str:
    return render(_found(bundle, recording, **known)).decode("utf-8")


def _found(bundle: bytes, recording: Path, **known: Any) -> Findings:
    loaded = Bundle.decode(bundle).load()
    opened = open_recording(recording, RecordingOptions(rate_hz=1024.0, unit="g"))
    judged = evaluate_bundle(loaded, opened, Known(**known))
    return Findings(
        loaded.manifest, judged.truth, judged.results, judged.evaluation, recording.name
    )


@pytest.fixture(scope="module")
def judged_page(samples_bundle: bytes, recording: Path) -> str:
    """Of a bundle that is evaluated, healthy part and first prediction time known."""
    return _page(samples_bundle, recording, healthy=(0, 60), fpt=70)


def test_the_page_of_an_evaluation_needs_nothing_from_anywhere(judged_page: str) -> None:
    _require_self_contained(judged_page, 4)
    for name in ("CUSUM", "PCA, T² and SPE", "isolation forest", "the level detector alone"):
        assert name in judged_page
    assert "after FPT" in judged_page
    assert "Lead against false alarms" in judged_page
    assert "Training" not in judged_page


def test_names_are_text_and_no_markup(judged_page: str) -> None:
    assert "on &lt;b&gt;run.csv</h1>" in judged_page
    assert "<b>" not in judged_page


@pytest.mark.usefixtures("without_pictures")
def test_the_page_with_labels_says_what_an_oracle_and_chance_would_get(
    samples_bundle: bytes, recording: Path
) -> None:
    page = _page(
        samples_bundle, recording, healthy=(0, 60), labels=recording.with_name("labels.txt")
    )
    _require_self_contained(page, 3)
    for words in ("VUS-PR", "oracle gap", "random score", "reproducing published figures only"):
        assert words in page


@pytest.mark.usefixtures("without_pictures")
def test_the_page_of_a_bundle_without_a_network_claims_none(
    plain_bundle: bytes, recording: Path
) -> None:
    page = _page(plain_bundle, recording, healthy=(0, 60))
    _require_self_contained(page, 4)
    assert "without a network)" in page
    assert "the network alone" not in page


def test_the_page_shows_season_regimes_and_the_tail_of_a_threshold(
    features_flow_spec: FlowSpec, samples_bundle: bytes, recording: Path
) -> None:
    flow = features_flow_spec
    n = len(flow.feature_names) - 1
    season = SeasonSpec(
        period="week", bin_s=43_200, features=(0,), mode=("ratio",), profile=((0.5, 1.5) * 7,)
    )
    regime = Regime(
        center=(1500.0,),
        low=(1450.0,),
        high=(1550.0,),
        windows=60,
        location=(0.0,) * n,
        slope=((0.0,) * n,),
        scale=(1.0,) * n,
    )
    regimes = RegimeSpec(
        context=(n,),
        span=(100.0,),
        margin=0.1,
        features=tuple(range(n)),
        logarithm=(False,) * n,
        location=(0.0,) * n,
        scale=(1.0,) * n,
        regimes=(regime,),
    )
    tail = TailSpec(
        level=2.0,
        shape=0.1,
        scale=0.5,
        windows=60,
        peaks=(2.1, 2.4, 3.0, 4.5),
        cramer_von_mises=0.05,
        anderson_darling=0.3,
        p_below=0.25,
    )
    pot = replace(flow.threshold, method="pot", parameter=1e-3, tail=tail)
    found = _found(samples_bundle, recording, healthy=(0, 60))
    given = replace(flow.input, context=flow.feature_names[n:])
    changed = replace(
        found.manifest,
        flow=replace(flow, input=given, season=season, regime=regimes, threshold=pot),
    )
    page = render(dataclasses.replace(found, manifest=changed)).decode("utf-8")
    _require_self_contained(page, 5)
    assert "Profile of the week: x_rms goes from 0.5 to 1.5." in page
    assert f"{flow.feature_names[n]} 1450 to 1550</th><td>60</td>" in page
    assert "a generalised Pareto tail above 2: shape 0.1, scale 0.5, 4 peaks in 60 scores" in page


@pytest.mark.usefixtures("without_pictures")
def test_the_page_of_an_unknown_recording_judges_nothing(
    samples_bundle: bytes, recording: Path
) -> None:
    page = _page(samples_bundle, recording)
    _require_self_contained(page, 3)
    assert "No judgement: nothing is known of this recording." in page


@pytest.fixture(scope="module")
def page(trained: Any) -> str:
    text: str = trained.report.read_text("utf-8")
    return text


def test_the_page_of_a_training_needs_nothing_from_anywhere(page: str) -> None:
    _require_self_contained(page, 5)


def test_the_page_shows_detectors_runtimes_alarms_and_origin(page: str, trained: Any) -> None:
    alarm = trained.evaluation.verdicts["all"].alarms[0]
    for name in ("this bundle: network and level", "the network alone", "CUSUM", "ok</td>"):
        assert name in page
    assert f">{alarm.opened}\n+" in page
    for name, _ in alarm.features:
        assert name in page
    manifest = Bundle.read(trained.bundle).manifest
    for origin in (manifest.training.data_sha256, manifest.feature_hash, "FULLY_CONNECTED"):
        assert origin in page


def test_the_bundle_carries_the_page(page: str, trained: Any) -> None:
    assert Bundle.read(trained.bundle).report == page.encode("utf-8")


@pytest.mark.system
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_no_wider_than_the_window(judged_page: str, tmp_path: Path, width: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs chromium")
    # headless windows are at least 500 pixels wide, frames may be narrower
    frame = tmp_path / "frame.html"
    (tmp_path / "page.html").write_text(judged_page, "utf-8")
    frame.write_text(_FRAME.format(width=width), "utf-8")
    options = ("--headless", "--no-sandbox", "--hide-scrollbars", "--allow-file-access-from-files")
    command = [chromium, *options, f"--user-data-dir={tmp_path}", "--dump-dom", frame.as_uri()]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=500)
    measured = re.search(r"<title>(\d+) of (\d+)</title>", ended.stdout)
    assert measured is not None, ended.stdout[-2000:]
    assert int(measured[2]) == width
    assert int(measured[1]) <= width


_FRAME = """<!doctype html><html><head><title></title></head><body style="margin:0">
<iframe src="page.html" style="border:0;width:{width}px;height:900px" onload="
const page = this.contentDocument.documentElement;
document.title = page.scrollWidth + ' of ' + page.clientWidth"></iframe></body></html>"""
