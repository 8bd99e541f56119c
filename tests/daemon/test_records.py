import logging

import pytest
from windows import window

from edge_agent.daemon.records import AssetRecord
from edge_agent.pipeline.result import Reason, WindowResult


def unscored(reason: Reason, detail: str | None = None) -> WindowResult:
    return window(score=None, reason=reason, detail=detail)


def test_a_regime_never_seen_is_told_of_once_and_when_it_is_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    record = AssetRecord("pump-1", "bench", "running")
    for speed in (51, 52):
        record.window_came(unscored("regime", f"speed is {speed}, seen were 10 to 45"), None)
    assert record.last_detail == "speed is 52, seen were 10 to 45"
    record.window_came(unscored("idle"), None)
    record.window_came(unscored("regime", "speed is 53, seen were 10 to 45"), None)
    record.window_came(window(), None)
    assert caplog.messages == [
        "asset pump-1: a regime never seen, not judged: speed is 51, seen were 10 to 45",
        "asset pump-1: a regime never seen, not judged: speed is 53, seen were 10 to 45",
        "asset pump-1: in a regime that is known again",
    ]
    assert record.open is None
