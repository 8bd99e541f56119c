import re
import time
from typing import Any

import pytest

from edge_agent.cli.tap_screen import TapScreen, bar_of, line_of, ratio_of, spark_of
from edge_agent.daemon.local.messages import AssetSeen, WindowSeen, WindowsLost
from edge_agent.daemon.messages import Share

NOW = time.gmtime(0)


def asset(name: str, **more: Any) -> AssetSeen:
    facts: dict[str, Any] = {
        "asset": name,
        "state": "running",
        "reason": None,
        "model": "bearing 1.0.0",
        "score": None,
        "threshold": None,
        "level_score": None,
        "level_threshold": None,
        "anomaly": False,
        "opened": None,
        "severity": None,
    }
    return AssetSeen(**facts | more)


def window(name: str, ratio: float | None, **more: Any) -> WindowSeen:
    facts: dict[str, Any] = {
        "asset": name,
        "index": 7,
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-01-01T00:01:00Z",
        "score": None if ratio is None else 4.0 * ratio,
        "threshold": 4.0,
        "level_score": None,
        "level_threshold": None,
        "anomaly": False,
        "reason": None if ratio is not None else "washout",
        "gap": False,
        "clipped": False,
        "event": None,
        "severity": None,
        "features": (),
    }
    return WindowSeen(**facts | more)


def plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def screen(*, colours: bool = False) -> TapScreen:
    made = TapScreen("gw-1", colours=colours)
    for name in ("pump-1", "a-compressor-with-a-long-name", "fan"):
        made.note(asset(name))
    for i in range(300):
        made.note(window("pump-1", 0.3 + 0.001 * i))
    opened = {"event": "open", "severity": 2.5, "features": (Share("b1_rms", 0.6),)}
    made.note(window("a-compressor-with-a-long-name", 2.5, anomaly=True, **opened))
    made.note(asset("fan", state="no_data", reason="no block for more than 5 s"))
    return made


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (40, 6), (20, 3), (1, 1)])
def test_no_line_is_wider_and_no_screen_higher_than_the_terminal(
    width: int, height: int, *, colours: bool
) -> None:
    lines = screen(colours=colours).lines(width, height, NOW)
    assert len(lines) <= height
    assert max(len(plain(line)) for line in lines) <= width


def test_a_screen_says_who_is_in_alarm_and_who_is_silent() -> None:
    head, _, pump, compressor, fan, _, event = screen().lines(120, 24, NOW)
    assert head.startswith("gw-1: 3 assets, 1 in alarm, 1 not watched")
    assert head.endswith("00:00:00 UTC")
    assert "ALARM" not in pump
    assert re.search(r"ALARM .* 2\.50 ", compressor)
    assert "no data: no block for more than 5 s" in fan
    assert event.startswith("00:01:00 a-compressor-with-a-long-name: anomaly opened, severity 2.50")
    assert event.endswith("mostly b1_rms 60%")


def test_what_does_not_fit_is_said_and_is_never_an_alarm() -> None:
    lines = screen().lines(80, 4, NOW)
    assert "ALARM" in lines[2]
    assert lines[3] == "and 2 more, none of them in alarm"


def test_colours_come_on_request_only() -> None:
    assert "\x1b" not in "".join(screen().lines(80, 24, NOW))
    assert "\x1b" in "".join(screen(colours=True).lines(80, 24, NOW))


def test_an_anomaly_that_opened_before_shows_since_when() -> None:
    made = TapScreen("gw-1", colours=False)
    made.note(asset("pump-1", anomaly=True, opened="2026-01-01T03:02:00Z", severity=2.0))
    assert made.lines(80, 24, NOW)[-1] == "03:02:00 pump-1: anomaly opened"


def test_windows_that_were_not_shown_are_counted() -> None:
    made = screen()
    made.note(WindowsLost(windows=12))
    assert "12 windows not shown" in made.lines(80, 24, NOW)[0]


def test_a_window_without_a_score_shows_its_reason() -> None:
    made = TapScreen("gw-1", colours=False)
    made.note(asset("pump-1"))
    made.note(window("pump-1", None))
    assert "washout" in made.lines(80, 24, NOW)[2]


def test_the_detector_nearer_to_its_alarm_counts() -> None:
    assert ratio_of(window("p", 0.5, level_score=6.0, level_threshold=8.0)) == 0.75
    assert ratio_of(window("p", None)) is None


@pytest.mark.parametrize(
    ("ratio", "bar"), [(0.0, "░░░░░░┃░"), (0.5, "███░░░┃░"), (1.2, "██████╂░"), (9.0, "██████╂█")]
)
def test_a_bar_shows_where_the_threshold_is(ratio: float, bar: str) -> None:
    assert bar_of(ratio, 8) == bar


def test_only_what_is_over_the_threshold_fills_the_upper_steps() -> None:
    assert [spark_of(r) for r in (None, -1.0, 0.0, 1.0, 1.01, 99.0)] == list("·▁▁▆▇█")


def test_lines_for_where_no_screen_can_be_drawn() -> None:
    assert line_of(window("p", 0.5)) == "00:01:00 p: window 7: 0.50 of threshold"
    assert line_of(window("p", None, anomaly=True)) == "00:01:00 p: window 7: washout, ALARM"
    assert line_of(asset("p", state="failed", reason="unplugged")) == "p: failed: unplugged"
    assert "12 windows" in line_of(WindowsLost(windows=12))
