"""The store is whole after a kill at any step."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stores import add, files

from edge_agent.disk import DISK
from trainer.collect import parts
from trainer.collect.journal import Arrival
from trainer.collect.store import Store

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
parquet = pytest.importorskip("pyarrow.parquet")

MakeArrival = Callable[..., Arrival]
Starts = Callable[[Path], list[float]]


class Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int, bool], None]]:
    """``kill_at(step, n, after)``: die in the n-th step of ``parts`` or the disk, or after it."""

    def arrange(step: str, n: int, after: bool) -> None:  # noqa: FBT001 - reads well as it is used
        owner = parts if hasattr(parts, step) else DISK
        real, calls = getattr(owner, step), 0

        def dies(*given: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == n and not after:
                raise Killed
            real(*given)
            if calls == n:
                raise Killed

        monkeypatch.setattr(owner, step, dies)

    yield arrange
    monkeypatch.undo()


@pytest.mark.parametrize(
    "where",
    [
        (step, n, after)
        for step, n in (
            ("write_messages", 1),
            ("write_messages", 2),
            ("merge", 1),
            *(("sync", n) for n in range(1, 6)),
            ("rename", 1),
            ("rename", 2),
        )
        for after in (False, True)
    ],
)
def test_a_kill_at_any_step_loses_and_doubles_nothing(
    opened: Callable[..., Store],
    make_arrival: MakeArrival,
    kill_at: Callable[[str, int, bool], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    starts_in: Starts,
    where: tuple[str, int, bool],
) -> None:
    arrivals = [make_arrival(float(i)) for i in range(20)]
    with opened() as store:
        add(store, arrivals[:10])
        store.write_all()
    kill_at(*where)
    with opened(rows_per_file=15) as store:
        add(store, arrivals[10:18])
        try:
            store.write_all()
            add(store, arrivals[18:])
            store.write_all()
        except Killed:
            pass
        else:
            pytest.fail("was not killed")
    monkeypatch.undo()
    with opened() as store:
        add(store, arrivals)
        store.write_all()
    assert starts_in(tmp_path) == [float(i) for i in range(20)]
    assert len(files(tmp_path)) == 1
    assert len(list(parquet.ParquetFile(tmp_path / files(tmp_path)[0]).read()["start_ns"])) == 20
