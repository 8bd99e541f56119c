from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.daemon.alarms.messages import Label
from edge_agent.recordings.stored_labels import StoredLabel, stored_labels
from trainer.collect.labels import Labels, checked_label
from trainer.collect.message import MessageError

TOPIC = "edge/v1/gw-1/pump-1/label"


def payload(**change: Any) -> bytes:
    fields: dict[str, Any] = {
        "id": "a" * 32,
        "seq": 0,
        "session": "s",
        "gateway": "gw-1",
        "start": "2026-01-01T00:00:00.000000Z",
        "end": "2026-01-01T00:01:00.000000Z",
        "time_quality": "synchronised",
        "asset": "pump-1",
        "label": "confirmed",
        "anomaly_id": "b" * 32,
        "number": 1,
        "detector": "network",
        "severity": 2.0,
        "closed": True,
        "fault": "outer race",
        "at": "2026-01-02T00:00:00.000000Z",
        "by": "kim",
        "note": None,
        "model_sha256": "ab",
    }
    return msgspec.json.encode(Label(**(fields | change)))


def test_a_label_is_what_the_agent_s_own_struct_says() -> None:
    label = checked_label("edge/v1", TOPIC, payload())
    assert (label.label, label.fault, label.end_ns - label.start_ns) == (
        "confirmed",
        "outer race",
        60_000_000_000,
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"\xff", "."),
        (b"[" * 5000, "."),
        (b" " * 20_000, "20000 bytes, allowed"),
        (b"{}", "missing required field"),
        (payload(asset="pump-2"), "allowed: those of its topic"),
        (payload(label="maybe"), "maybe"),
    ],
)
def test_what_is_no_label_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MessageError, match=reason):
        checked_label("edge/v1", TOPIC, data)


def add(labels: Labels, data: bytes) -> bool:
    label: StoredLabel = checked_label("edge/v1", TOPIC, data)
    return labels.add(label, data)


def test_a_label_is_stored_once_also_by_who_comes_after(tmp_path: Path) -> None:
    labels = Labels(tmp_path)
    assert add(labels, payload())
    assert not add(labels, payload())
    assert not add(Labels(tmp_path), payload())
    assert add(labels, payload(id="c" * 32, label="rejected", at="2026-01-03T00:00:00Z"))
    file = tmp_path / "gateway=gw-1" / "asset=pump-1" / "labels.jsonl"
    assert [label.label for label in stored_labels(file)] == ["rejected"]


def test_after_a_torn_line_the_next_one_is_whole_and_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "gateway=gw-1" / "asset=pump-1" / "labels.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(payload(id="d" * 32)[:50])
    assert add(Labels(tmp_path), msgspec.json.format(payload(), indent=2))
    assert len(stored_labels(file)) == 1
