import logging

import pytest

from edge_agent.daemon.records import AssetRecord
from edge_agent.pipeline.result import Reason, WindowResult


def window(reason: Reason | None, detail: str | None = None) -> WindowResult:
    return WindowResult(
        index=0,
        start_ns=0,
        end_ns=1,
        vector=None,
        bias=None,
        score=1.0 if reason is None else None,
        threshold=2.0,
        level_score=None,
        level_threshold=None,
        anomaly=False,
        reason=reason,
        detail=detail,
        shares=None,
        gap=False,
        clipped=False,
        event=None,
        utc_offset_ns=0,
    )


def test_a_regime_never_seen_is_told_of_once_and_when_it_is_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    record = AssetRecord("pump-1", "bench", "running")
    for speed in (51, 52):
        record.window_came(window("regime", f"speed is {speed}, seen were 10 to 45"), None)
    assert record.last_detail == "speed is 52, seen were 10 to 45"
    record.window_came(window("idle"), None)
    record.window_came(window("regime", "speed is 53, seen were 10 to 45"), None)
    record.window_came(window(None), None)
    assert caplog.messages == [
        "asset pump-1: a regime never seen, not judged: speed is 51, seen were 10 to 45",
        "asset pump-1: a regime never seen, not judged: speed is 53, seen were 10 to 45",
        "asset pump-1: in a regime that is known again",
    ]
    assert record.open is None
