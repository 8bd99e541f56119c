from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from edge_agent.cli.rollout_gateways import Known, fleet_lines
from edge_agent.rollout.messages import RunningModel

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REASON = "press was taken back to 1.3.0-abcdef12 by kim; before that: trial bad on so many assets"
RUNNING = RunningModel(
    line="press",
    name="press-bearing",
    version="1.4.0",
    sha256="abcdef12" * 8,
    overlay=None,
    windows=4,
    state="running",
)


def known(gateway: str, **changed: Any) -> Known:
    usual = Known(
        gateway=gateway,
        groups=("press-line", "hall-3"),
        enrolled=NOW,
        last_seen=NOW - timedelta(minutes=66),
        state="active",
        reason="trial good on press-1",
        running={"press-1": RUNNING},
        wrong=(),
    )
    return structs.replace(usual, **changed)


def test_where_all_is_well_there_is_a_table_and_nothing_else() -> None:
    assert fleet_lines([known("gw-1"), known("gw-2", groups=(), last_seen=None)], NOW, 120) == [
        "gateway  groups              last seen      state   running",
        "gw-1     press-line, hall-3  1 h 6 min ago  active  press-bearing@1.4.0 abcdef12",
        "gw-2     -                   never          active  press-bearing@1.4.0 abcdef12",
    ]


@pytest.mark.parametrize("columns", [80, 120])
def test_what_is_wrong_is_told_whole_below_and_nothing_is_wider_than_the_terminal(
    columns: int,
) -> None:
    wrong = ("CLONED: two gateways hold its key: session b went on beside a", "press-1: no model")
    fleet = [
        known("gw-1"),
        known("gw-2", state="rolled_back", reason=REASON, wrong=wrong),
        known("gateway-of-the-press-in-hall-3", groups=("line",) * 9),
    ]
    lines = fleet_lines(fleet, NOW, columns)
    assert max(map(len, lines)) <= columns
    assert [line.split()[0] for line in lines[1:4]] == [one.gateway for one in fleet]
    told = " ".join(" ".join(lines[5:]).split())
    assert told == f"gw-2 rolled back: {REASON} gw-2 {wrong[0]} gw-2 {wrong[1]}"


def test_what_gateways_have_written_does_nothing_to_the_terminal() -> None:
    hostile = "rolled back\x1b[2J\rwell\n\x9b1A"
    lines = fleet_lines([known("gw-1", state="failed", reason=hostile, wrong=(hostile,))], NOW, 80)
    assert all(line.isprintable() for line in lines)
