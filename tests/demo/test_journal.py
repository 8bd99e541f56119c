from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.journal import Journal, Placed
from demo.lines import event_line, heading, status_lines
from demo.recorded import healthy_part
from demo.screen import WIDTH
from demo.story import Story
from demo.subscriber import Received
from demo.summary import outcome, summary
from edge_agent.daemon.ledger import LedgerSnapshot, StoreState
from edge_agent.daemon.messages import AnomalyEvent, Score
from edge_agent.daemon.status_message import AssetStatus, Status
from edge_agent.pipeline.evidence import FeatureEvidence

OPENED = datetime(2024, 1, 1, tzinfo=UTC)
PERIOD_S = 600.0
FIRST, ONSET, WINDOWS = 100, 120, 50


def story(**changes: Any) -> Story:
    given: dict[str, Any] = {
        "title": "a test",
        "recording": Path("run.npz"),
        "healthy": (0, 100),
        "healthy_because": "as told",
        "sensor": "simulated",
        "options": {},
        "first": FIRST,
        "windows": WINDOWS,
        "period_s": PERIOD_S,
        "window_s": 0.5,
        "onset": ONSET,
    }
    return Story(**given | changes)


def envelope(index: int) -> dict[str, Any]:
    begin = OPENED + timedelta(seconds=index * PERIOD_S)
    return {
        "id": f"{index}",
        "seq": index,
        "session": "s",
        "gateway": "demo",
        "start": begin.isoformat().replace("+00:00", "Z"),
        "end": (begin + timedelta(seconds=0.5)).isoformat().replace("+00:00", "Z"),
        "time_quality": "unknown",
        "asset": "bearing-1",
        "model_sha256": "0" * 64,
    }


def score(index: int, **changes: Any) -> Score:
    given: dict[str, Any] = {
        "index": index,
        "score": 1.0,
        "threshold": 2.0,
        "level_score": None,
        "level_threshold": None,
        "anomaly": False,
        "reason": None,
        "unit": "g",
        "bias": {},
        "gap": False,
        "clipped": False,
    }
    return Score(**envelope(index), **given | changes)


def event(index: int, kind: str = "open", severity: float = 1.5) -> AnomalyEvent:
    return AnomalyEvent(
        **envelope(index),
        event=kind,  # type: ignore[arg-type] # one of three words
        index=index,
        anomaly_id="a",
        number=1,
        detector="network",
        opened="2024-01-01T00:00:00Z",
        closed=None,
        severity=severity,
        score=3.0,
        threshold=2.0,
        level_score=None,
        level_threshold=None,
        level="alert",
        group=None,
        state="open",
        features=tuple(
            FeatureEvidence(name=f"a_feature_with_a_long_name_{n}", share=0.2) for n in range(5)
        ),
    )


def heard(journal: Journal, *messages: Score | AnomalyEvent, late_s: float = 0.0) -> list[Any]:
    at_ns = round((OPENED.timestamp() + late_s) * 1e9)
    return [entry for m in messages for entry in journal.take(Received(m, at_ns))]


def test_an_event_is_told_with_the_number_of_its_window_in_the_recording() -> None:
    journal = Journal(story())
    assert heard(journal, event(3)) == [Placed(FIRST + 3, event(3))]
    assert journal.events == [Placed(FIRST + 3, event(3))]


def test_a_message_that_comes_twice_counts_once() -> None:
    journal = Journal(story())
    heard(journal, score(0), score(0), score(1), event(1), event(1))
    assert len(journal.scores) == 2
    assert len(journal.events) == 1


def test_windows_that_never_came_are_counted() -> None:
    journal = Journal(story())
    heard(journal, score(0), score(4), score(5, score=None, reason="idle"))
    assert dict(summary(journal))["windows"] == (
        "3 received of 50, 2 scored, not scored: 1 idle; 47 never came"
    )


def test_an_alarm_before_the_damage_is_a_false_one_and_finds_nothing() -> None:
    journal = Journal(story())
    early = ONSET - FIRST - 1
    heard(journal, event(early), score(early))
    assert [placed.window for placed in outcome(journal).false] == [ONSET - 1]
    assert outcome(journal).found is None
    assert "none was received" in dict(summary(journal))["alarm"]


def test_the_first_alarm_from_the_damage_on_is_the_one_that_found_it() -> None:
    journal = Journal(story())
    for index, kind in ((25, "open"), (26, "update"), (30, "close"), (40, "open")):
        heard(journal, event(index, kind), score(index))
    found = outcome(journal).found
    assert found is not None
    assert found.window == FIRST + 25
    assert outcome(journal).false == ()
    rows = dict(summary(journal))
    assert (
        rows["alarm"] == "opened by the network 50 min after the onset, 4 h 10 min before the end"
    )
    assert rows["healthy"] == "no false alarms in 3 h 20 min"


def test_the_severity_is_that_of_the_worst_window_of_an_alarm_by_either_detector() -> None:
    journal = Journal(story())
    heard(
        journal,
        score(0, score=99.0),
        score(1, score=6.0, anomaly=True),
        score(2, score=None, level_score=10.0, level_threshold=2.0, anomaly=True),
    )
    assert dict(summary(journal))["severity"] == "5.0 times the threshold at its worst"


def test_where_nobody_knows_the_onset_any_alarm_counts() -> None:
    journal = Journal(story(onset=None))
    heard(journal, event(1), score(1))
    found = outcome(journal).found
    assert found is not None
    assert found.window == FIRST + 1


def test_in_time_lapse_the_latency_counts_from_when_the_last_sample_was_due() -> None:
    journal = Journal(story(speedup=6000.0))
    heard(journal, score(0), late_s=0.5 / 6000 + 0.010)
    heard(journal, score(10), late_s=6000.5 / 6000 + 0.020)
    heard(journal, score(11, historical=True), late_s=99.0)
    assert journal.latencies_s == pytest.approx([0.010, 0.020], abs=1e-5)


def test_an_event_fits_on_a_line_whatever_its_features_are_called() -> None:
    line = event_line(Placed(FIRST, event(0, severity=123.4)), story())
    assert len(line) <= WIDTH
    assert "0 d 16:40" in line
    assert "a_feature_with_a_long_name_0 20%" in line
    assert line.index("OPEN") == heading().index("event")


def test_the_status_tells_only_what_is_new() -> None:
    asset = AssetStatus(
        name="bearing-1",
        state="running",
        reason=None,
        sensor="replay",
        channels=("h", "v"),
        rate_hz=25600.0,
        unit="g",
        model="m 1.0.0",
        model_sha256="0",
    )
    given = {k: v for k, v in envelope(0).items() if k not in ("asset", "model_sha256")}
    status = Status(
        **given,
        state="online",
        reason=None,
        versions={"edge-agent": "0.1.0"},
        plugins=(),
        assets=(asset,),
        mqtt_protocol="5",
        outbox=StoreState(),
        ledger=LedgerSnapshot(since="", assets=()),
    )
    first = status_lines(status, None)
    assert [line.split()[:2] for line in first] == [["gateway", "online"], ["bearing-1", "running"]]
    assert "replay: h, v, 25600 Hz, g" in first[1]
    assert status_lines(status, status) == []


def test_the_usual_healthy_part_leaves_out_the_running_in() -> None:
    assert healthy_part(2803) == (196, 897)
