from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.daemon.commands.audit import Audit, Logged


def line(n: int, asset: str = "pump-1") -> Logged:
    return Logged(at=f"2026-01-01T00:00:{n:02}Z", what="opened", asset=asset, note=str(n))


def test_the_newest_come_last_of_one_asset_or_of_all(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for n in range(6):
        audit.append(line(n, f"pump-{n % 2}"), durable=True)
    assert [found.note for found in audit.last(4)] == ["2", "3", "4", "5"]
    assert [found.note for found in audit.last(2, "pump-1")] == ["3", "5"]


def test_it_never_takes_more_than_twice_its_size_and_keeps_the_newest(tmp_path: Path) -> None:
    audit = Audit(tmp_path, max_bytes=2000)
    for n in range(99):
        audit.append(line(n), durable=False)
    files = list(tmp_path.iterdir())
    assert len(files) == 2
    assert all(file.stat().st_size <= 2000 for file in files)
    notes = [found.note for found in audit.last(200)]
    assert len(notes) >= 20
    assert notes == [str(n) for n in range(99 - len(notes), 99)]


@given(st.binary(max_size=300))
def test_a_torn_line_is_skipped_and_spoils_no_other(tmp_path_factory: object, torn: bytes) -> None:
    folder = tmp_path_factory.mktemp("audit")  # type: ignore[attr-defined]
    Audit(folder).append(line(1), durable=True)
    with Audit(folder).path.open("ab") as file:
        file.write(torn)
    Audit(folder).append(line(2), durable=True)
    notes = [found.note for found in Audit(folder).last(10)]
    assert (notes[0], notes[-1]) == ("1", "2")
