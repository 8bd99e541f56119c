from pathlib import Path

import msgspec

from edge_agent.daemon.ledger import (
    EARLIER,
    MODELS_NAMED,
    AssetLedger,
    LedgerSnapshot,
    WindowCounts,
    violations,
)
from edge_agent.daemon.outbox.database import Database


def scored(model: str, windows: int = 1) -> WindowCounts:
    return WindowCounts(sampled=windows, scored=windows, models={model: windows})


def problems(windows: WindowCounts) -> list[str]:
    ledger = AssetLedger(asset="pump-1", windows=windows)
    return violations(LedgerSnapshot(since="", assets=(ledger,)))


def test_the_last_models_keep_their_names_and_those_before_are_counted_together() -> None:
    counts = WindowCounts()
    for number in range(MODELS_NAMED + 3):
        counts.add(scored(f"m{number}", 10))
    counts.add(scored("m3", 1))
    assert counts.models[EARLIER] == 30
    assert list(counts.models)[-1] == "m3"
    assert counts.models["m3"] == 11
    assert len(counts.models) == MODELS_NAMED + 1
    assert problems(counts) == []


def test_a_window_that_two_models_scored_or_none_is_found() -> None:
    twice = scored("a")
    twice.models["b"] = 1
    assert problems(twice) == ["pump-1: 1 windows scored, but 2 by its models"]
    assert problems(WindowCounts(sampled=1, scored=1)) == [
        "pump-1: 1 windows scored, but 0 by its models"
    ]
    assert "negative" in problems(WindowCounts(models={"a": 1, "b": -1}))[0]


def test_counts_from_before_models_were_told_apart_stay_exact(tmp_path: Path) -> None:
    database = Database.open_file(tmp_path / "outbox.db", lambda: 0.0, 0)
    with database.transaction(durable=False):
        old = AssetLedger(asset="pump-1", windows=WindowCounts(sampled=7, scored=7))
        database.write_assets([old], {})
    (ledger, _mark) = database.assets()["pump-1"]
    database.close()
    ledger.windows.add(scored("new"))
    assert ledger.windows.models == {EARLIER: 7, "new": 1}
    assert problems(ledger.windows) == []
    assert msgspec.json.encode(ledger)


def test_a_copy_changes_on_its_own() -> None:
    ledger = AssetLedger(asset="pump-1", windows=scored("a"))
    ledger.windows.not_scored["gap"] = 1
    ledger.of("score").queued = 1
    before = msgspec.json.encode(ledger)
    copy = ledger.copy()
    assert msgspec.json.encode(copy) == before
    copy.add(ledger)
    assert msgspec.json.encode(ledger) == before
    assert copy.of("score").queued == 2
    assert copy.windows.not_scored == {"gap": 2}
    assert copy.windows.models == {"a": 2}
