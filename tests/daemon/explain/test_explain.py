import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest

from edge_agent.daemon.explain.find import NoSnapshotError, UnreadableError, find_snapshot
from edge_agent.daemon.explain.findings import advice, headline, is_single_knock, rises
from edge_agent.daemon.explain.page import page
from edge_agent.daemon.explain.text import explanation
from edge_agent.daemon.explain.words import compared, number, title
from edge_agent.daemon.messages import Snapshot
from edge_agent.daemon.recorder.snapshots import FOLDER, keep_snapshot
from edge_agent.pipeline.compact import waveform
from edge_agent.pipeline.evidence import FeatureEvidence


def change(snapshot: Snapshot, **of_event: object) -> Snapshot:
    event = msgspec.structs.replace(snapshot.event, **of_event)
    return msgspec.structs.replace(snapshot, event=event, asset=event.asset, start=event.start)


class TestWhichIsMeant:
    @pytest.fixture
    def state_dir(self, snapshot: Snapshot, tmp_path: Path) -> Path:
        for asset, day, anomaly in (("pump-1", 1, "a1"), ("pump-1", 2, "a2"), ("fan.x", 3, "b3")):
            start = f"2026-02-0{day}T00:00:00.000000Z"
            made = change(snapshot, asset=asset, start=start, anomaly_id=anomaly * 16)
            keep_snapshot(tmp_path / FOLDER, made)
        return tmp_path

    @pytest.mark.parametrize(
        ("word", "anomaly"),
        [
            ("last", "b3"),
            ("pump-1", "a2"),
            ("fan.x", "b3"),
            ("a1a1", "a1"),
            ("a1" * 16, "a1"),
        ],
    )
    def test_by_last_by_asset_or_by_the_first_digits(
        self, state_dir: Path, word: str, anomaly: str
    ) -> None:
        assert find_snapshot(word, state_dir).event.anomaly_id == anomaly * 16

    def test_by_a_file(self, message: Path, snapshot: Snapshot, tmp_path: Path) -> None:
        assert find_snapshot(str(message), tmp_path / "none") == snapshot

    @pytest.mark.parametrize("word", ["pump-2", "a", "ffff"])
    def test_what_there_is_not_is_answered_with_what_there_is(
        self, state_dir: Path, word: str
    ) -> None:
        with pytest.raises(NoSnapshotError, match=r"pump-1, fan\.x.*b3b3"):
            find_snapshot(word, state_dir)

    def test_before_the_first_anomaly_that_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(NoSnapshotError, match="no anomaly has opened"):
            find_snapshot("last", tmp_path)

    @pytest.mark.parametrize("content", [b"{}", b"\xff", b'{"schema":"edge-agent/score/1"}'])
    def test_a_file_that_is_no_snapshot_is_named(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x.json"
        path.write_bytes(content)
        with pytest.raises(UnreadableError, match=r"x\.json"):
            find_snapshot(str(path), tmp_path)


class TestFindings:
    def test_a_new_tone_is_found_where_it_is(self, snapshot: Snapshot) -> None:
        (rise, *_) = rises(snapshot.channels[0], snapshot.edges_hz)
        assert rise.low_hz <= 3000.0 <= rise.high_hz
        assert rise.db > 15.0

    def test_a_faults_lines_and_impacts_are_named_before_all_else(self, snapshot: Snapshot) -> None:
        first, second, *rest = advice(snapshot)
        assert "outer race" in first
        assert "Only channel" not in first
        assert "outer race" in second or "impacts" in second
        assert rest

    def test_one_knock_is_told_from_many(self, snapshot: Snapshot) -> None:
        quiet = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
        once, often = quiet.copy(), quiet.copy()
        once[500], often[::50] = 40.0, 40.0
        channel = snapshot.channels[0]
        for samples, expected in ((once, True), (often, False), (quiet, False)):
            rms = float(np.sqrt(np.mean(samples**2)))
            wave = waveform(samples, 1000.0, 1024)
            seen = msgspec.structs.replace(channel, waveform=wave, rms=rms)
            assert is_single_knock(seen) is expected

    def test_the_sentence_names_what_is_outside_its_range(self, snapshot: Snapshot) -> None:
        inside = msgspec.structs.replace(snapshot.event.features[0], value=1.05)
        text = headline(change(snapshot, features=(inside,)))
        assert text.startswith("Vibration level (rms), channel x: 2.3 times")

    def test_over_the_limit_comes_first(self, snapshot: Snapshot) -> None:
        shaking = change(
            snapshot, detector="limit", velocity_mm_s={"x": 9.0}, velocity_limit_mm_s=4.5
        )
        assert "9 mm/s where 4.5 are allowed" in advice(shaking)[0]
        assert "velocity limit" in explanation(shaking)

    def test_what_is_quieter_is_asked_after(self, snapshot: Snapshot) -> None:
        quiet = FeatureEvidence(
            name="x_rms",
            share=1.0,
            value=0.1,
            unit="g",
            channel="x",
            healthy_low=0.9,
            healthy_median=1.0,
            healthy_high=1.1,
        )
        small = msgspec.structs.replace(change(snapshot, features=(quiet,)), channels=(), others=())
        assert any("Quieter" in sentence for sentence in advice(small))

    @pytest.mark.parametrize(("peak", "named"), [(6.0, False), (9.0, True)])
    def test_a_peak_that_rose_no_more_than_the_level_is_no_impact(
        self, snapshot: Snapshot, peak: float, *, named: bool
    ) -> None:
        level = FeatureEvidence(
            name="x_rms",
            share=1.0,
            value=2.1,
            unit="g",
            channel="x",
            healthy_low=0.9,
            healthy_median=1.0,
            healthy_high=1.1,
        )
        highest = msgspec.structs.replace(
            level, name="x_peak", value=peak, healthy_low=2.7, healthy_median=3.0, healthy_high=3.3
        )
        louder = change(snapshot, features=(level, highest))
        said = advice(msgspec.structs.replace(louder, channels=(), others=()))
        assert any("impacts" in sentence for sentence in said) is named


class TestText:
    def test_it_says_what_since_when_how_far_and_what_to_look_at(self, snapshot: Snapshot) -> None:
        text = explanation(snapshot)
        for said in (
            "ALARM  pump-1 on gw-1",
            "2026-01-31 03:36:50 UTC",
            "the network",
            "over its threshold of 3",
            "impacts (kurtosis), channel x",
            "4 times its healthy median, above its healthy range",
            "energy from 1.6 kHz to 3.2 kHz",
            "outer race (BPFO)",
            "256 calm windows from 2026-01-01",
        ):
            assert said in text

    def test_without_anything_learned_it_says_so(self, snapshot: Snapshot) -> None:
        bare = FeatureEvidence(name="x_rms", share=1.0, value=2.0, unit="g", channel="x")
        empty = msgspec.structs.replace(
            change(snapshot, features=(bare,)), healthy=None, others=(), channels=()
        )
        assert "nothing to compare with" in explanation(empty)


class _Checked(HTMLParser):
    """Takes note of what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


class TestPage:
    def test_it_needs_nothing_else_and_fits_a_telephone(self, snapshot: Snapshot) -> None:
        text = page(snapshot).decode()
        found = _Checked()
        found.feed(text)
        assert found.links == []
        assert "script" not in found.tags
        assert "width=device-width" in text
        assert "url(" not in text

    def test_every_channel_has_spectrum_waveform_and_lines(self, snapshot: Snapshot) -> None:
        text = page(snapshot).decode()
        for name in ("x", "y"):
            assert f"Spectrum of channel {name}, healthy beside now" in text
            assert f"Waveform of channel {name}, healthy above now" in text
        assert text.count("Spectrum of the envelope of 2000 to 5000 Hz") == 2
        assert re.search(r"3(\.\d+)? kHz \+\d+ dB|2\.9\d kHz \+\d+ dB", text)

    def test_every_picture_is_sound_and_inside_its_frame(self, snapshot: Snapshot) -> None:
        pictures = re.findall(r"<svg.*?</svg>", page(snapshot).decode(), re.DOTALL)
        assert len(pictures) == 3 + 2 * 3
        for picture in pictures:
            svg = ET.fromstring(picture)  # noqa: S314 - made here
            _, _, width, height = map(float, svg.attrib["viewBox"].split())
            for line in svg.iter("polyline"):
                points = np.array(
                    [list(map(float, point.split(","))) for point in line.attrib["points"].split()]
                )
                assert np.isfinite(points).all()
                assert points.min() >= 0.0
                assert points[:, 0].max() <= width
                assert points[:, 1].max() <= height

    def test_names_cannot_break_it(self, snapshot: Snapshot) -> None:
        hostile = '<script>alert("x")</script>'
        channel = msgspec.structs.replace(snapshot.channels[0], name=hostile)
        text = page(msgspec.structs.replace(snapshot, channels=(channel,))).decode()
        found = _Checked()
        found.feed(text)
        assert "script" not in found.tags
        assert "&lt;script&gt;" in text

    def test_it_can_be_made_of_very_little(self, snapshot: Snapshot) -> None:
        channel = msgspec.structs.replace(
            snapshot.channels[0],
            now_db=None,
            healthy_db=None,
            healthy_spread_db=None,
            healthy_waveform=None,
            lines=(),
        )
        bare = FeatureEvidence(name="temperature", share=None, value=None)
        small = msgspec.structs.replace(
            change(snapshot, features=(bare,)),
            healthy=None,
            others=(),
            unit=None,
            rate_hz=None,
            edges_hz=(),
            channels=(channel,),
            channels_left_out=("z",),
        )
        text = page(small).decode()
        assert "Not pictured" in text
        assert "temperature" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00148, "0.00148"), (12345.0, "12345"), (1.0, "1"), (1e-7, "1e-07"), (2.345, "2.35")],
)
def test_numbers_read_well(value: float, text: str) -> None:
    assert number(value) == text


def test_a_feature_of_another_plugin_keeps_its_name() -> None:
    one = FeatureEvidence(name="x_flux", share=0.1, value=-3.0, channel="x")
    assert title(one, 1000.0) == "flux"
    assert "nothing to compare" in compared(one)
