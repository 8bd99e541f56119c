from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.recordings import RecordingError
from edge_agent.recordings.stored_labels import label_files, stored_labels

LINE = (
    '{{"schema":"edge-agent/label/1","id":"{id}","gateway":"gw-1","asset":"pump-1",'
    '"start":"2026-01-01T00:00:{start:02}Z","end":"2026-01-01T00:01:00Z","label":"{label}",'
    '"anomaly_id":"{anomaly}","number":1,"severity":2.0,"closed":true,"fault":null,'
    '"at":"2026-01-02T00:00:{at:02}Z","by":"kim","note":null,"of a newer agent":1}}'
)


def line(own_id: str, anomaly: str, label: str = "confirmed", start: int = 0, at: int = 0) -> str:
    return LINE.format(id=own_id, anomaly=anomaly, label=label, start=start, at=at)


def test_of_an_anomaly_the_last_word_holds_whatever_came_last(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    lines = [line("a", "one", "rejected", 7, 9), line("b", "one", at=5), line("c", "two", start=3)]
    file.write_text("\n".join(lines))
    found = stored_labels(file)
    assert [(label.anomaly_id, label.label) for label in found] == [
        ("two", "confirmed"),
        ("one", "rejected"),
    ]
    assert found[0].start_ns == 1_767_225_603_000_000_000
    assert found[0].end_ns - found[0].start_ns == 57_000_000_000


@given(torn=st.binary(max_size=80))
def test_a_torn_line_is_passed_over(tmp_path_factory: pytest.TempPathFactory, torn: bytes) -> None:
    file = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    parts = [line("a", "one").encode(), torn, line("b", "two").encode()]
    file.write_bytes(b"\n".join(parts))
    assert len(stored_labels(file)) == 2


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"labels\.jsonl"):
        stored_labels(tmp_path / "labels.jsonl")


def test_the_labels_of_a_store_or_a_part_of_it_are_found(tmp_path: Path) -> None:
    for asset in ("pump-1", "pump-2"):
        folder = tmp_path / "gateway=gw-1" / f"asset={asset}"
        folder.mkdir(parents=True)
        (folder / "labels.jsonl").write_text(line("a", "one"))
    assert len(label_files(tmp_path)) == 2
    assert label_files(tmp_path / "gateway=gw-1" / "asset=pump-2") == label_files(tmp_path)[1:]
