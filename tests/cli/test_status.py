import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.duration import duration_text
from edge_agent.daemon.alarms.messages import Deed, Standing
from edge_agent.daemon.clock import ClockStep
from edge_agent.daemon.ledger import AssetLedger, LedgerSnapshot, StoreState, WindowCounts
from edge_agent.daemon.mqtt.link import LinkState
from edge_agent.daemon.records import AssetRecord, Commissioning
from edge_agent.daemon.report import (
    AgentReport,
    CommandsReport,
    LinkReport,
    ReloadReport,
    asset_reports,
    process_report,
)
from edge_agent.daemon.status import boot_time_s, status_file, write_report
from edge_agent.daemon.trial.report import TrialReport
from edge_agent.daemon.trial.tally import Tally, figures
from edge_agent.daemon.update.report import UpdateReport
from edge_agent.pipeline.alarm import OpenAnomaly

EdgeAgent = Callable[..., Any]
Status = Callable[..., str]


def link(**more: Any) -> LinkReport:
    state = LinkState(connected=True, connections=3, protocol="5")
    facts: dict[str, Any] = {
        "broker": "broker:1883",
        "connected": state.connected,
        "for_s": 4000.0,
        "protocol": state.protocol,
        "error": None,
        "connections": state.connections,
        "refused": 0,
        "refusal": None,
        "commands": CommandsReport(commands=0, refused=0, unanswered=0, problem=None),
    }
    return LinkReport(**facts | more)


def asset(name: str, **more: Any) -> AssetRecord:
    return AssetRecord(name, "bench", **{"state": "running", "model": "bearing 1.0.0", **more})


@pytest.fixture
def status(edge_agent: EdgeAgent, bundle_file: Path) -> Status:
    """``status(*records, **facts of the report)``: what the command prints of it."""
    config = bundle_file.with_name("config.toml")
    state = bundle_file.with_name("state")
    state.mkdir()
    config.write_text(
        'gateway = "gw-1"\nstate_dir = "state"\n[[asset]]\nname = "pump-1"\n'
        'bundle = "samples.edgemodel"\n[asset.sensor]\nplugin = "bench"\n'
    )

    def show(*records: AssetRecord, arguments: tuple[str, ...] = (), **more: Any) -> str:
        counts = WindowCounts(
            sampled=1000, scored=990, not_scored={"gap": 10}, models={"old": 700, "new": 290}
        )
        facts: dict[str, Any] = {
            "pid": os.getpid(),
            "gateway": "gw-1",
            "state_dir": str(state),
            "session": "s",
            "started": "2026-01-01T00:00:00Z",
            "uptime_s": 90_000.0,
            "written": "2026-01-02T01:00:00.5Z",
            "written_boot_s": boot_time_s(),
            "versions": {"edge-agent": "0.1.0"},
            "time_quality": "synchronised",
            "metrics": "http://127.0.0.1:9807/metrics",
            "socket": None,
            "process": process_report(),
            "mqtt": link(),
            "outbox": StoreState(durable=True, max_bytes=10_000_000),
            "ledger": LedgerSnapshot(
                since="2025-12-01T00:00:00Z", assets=(AssetLedger(asset="pump-1", windows=counts),)
            ),
            "assets": asset_reports(records or [asset("pump-1")]),
        }
        write_report(status_file(state, {}), AgentReport(**facts | more))
        ran = edge_agent("status", "--config", config, *arguments)
        assert ran.code == 0
        return str(ran.out)

    return show


def test_when_all_is_well_that_is_the_first_line(status: Status) -> None:
    said = status()
    assert said.splitlines()[0] == "gw-1: all is well with 1 asset"
    assert "pump-1  running  -" in said
    assert "1000     99.0%" in said
    assert "connected for 1 h 6 min, MQTT 5" in said
    assert "up 1 d 1 h" in said


def test_after_a_swap_it_is_said_how_many_windows_the_new_model_has_scored(status: Status) -> None:
    assert "bearing 1.0.0 (the last 290 of 990)" in status(asset("pump-1", model_id="new"))


def test_an_asset_that_is_commissioned_says_how_far_it_is_or_why_not(status: Status) -> None:
    progress = Commissioning(windows=40, wanted=200, computing=False, refused=None)
    said = status(asset("pump-1", state="commissioning", commissioning=progress))
    assert said.startswith("gw-1: nothing is wrong with 1 asset, but nothing judges pump-1 yet\n")
    assert "learning pump-1: 40 of 200 windows" in said
    refused = Commissioning(windows=200, wanted=200, computing=False, refused="trend: x_rms")
    said = status(asset("pump-1", state="commissioning", commissioning=refused))
    assert "TROUBLE  pump-1: not commissioned: trend: x_rms" in said


def test_an_update_says_how_it_stands_and_what_went_wrong(status: Status) -> None:
    wanted: dict[str, Any] = {"enrolled": True, "models": ("press: bearing 1.4.0",)}
    held = UpdateReport(state="active", held_s=60.0, hold_s=1800.0, rollout="r-7", **wanted)
    said = "update   active: press: bearing 1.4.0, rollout r-7, held for 1 min of 30 min"
    assert said in status(update=held)
    trial = UpdateReport(state="trial", waiting="pump-1: live: 3 of 50", **wanted)
    assert "update   trial: press: bearing 1.4.0; pump-1: live: 3 of 50" in status(update=trial)
    back = UpdateReport(state="rolled_back", reason="trial bad: pump-1: deaf", **wanted)
    assert "TROUBLE  update: rolled back: trial bad: pump-1: deaf" in status(update=back)
    assert "update" not in status(update=UpdateReport(enrolled=False, state="idle"))


def test_a_trial_says_how_it_goes(status: Status) -> None:
    trial = TrialReport(
        asset="pump-1",
        phase="live",
        verdict="inconclusive",
        reasons=("30 of 100 live windows were scored by both",),
        bundle="/new.edgemodel",
        model="bearing 1.4.0",
        model_id="0" * 16,
        incumbent="1" * 16,
        by="anna",
        started="2026-01-01T00:00:00Z",
        ended=None,
        wanted=100,
        live=figures(Tally()),
        past=None,
        costs=None,
    )
    said = "trial    pump-1: bearing 1.4.0: inconclusive, live: 30 of 100 live windows were scored"
    assert said in status(trials=(trial,))


def test_alarms_come_first_and_the_worst_before_the_others(status: Status) -> None:
    def opened(severity: float) -> OpenAnomaly:
        return OpenAnomaly(
            number=1,
            detector="network",
            start_ns=0,
            opened_ns=0,
            opened_index=0,
            severity=severity,
            reported=severity,
        )

    bad, worse = asset("pump-1", open=opened(1.5)), asset("pump-2", open=opened(9.0))
    worse.responsible = (("b1_rms", 0.75), ("b1_kurtosis", 0.25))
    first, second = status(bad, worse).splitlines()[:2]
    assert first == (
        "ALARM    pump-2 since 1970-01-01T00:00:00Z: severity 9.00, detector network,"
        " mostly b1_rms 75%, b1_kurtosis 25%"
    )
    assert second.startswith("ALARM    pump-1 since")


def test_who_looks_after_an_alarm_is_named_and_capitals_call(status: Status) -> None:
    standing = Standing(
        state="acknowledged",
        level="alarm",
        acknowledged=Deed(by="kim", at="2026-01-01T00:00:00Z"),
        group="ab",
    )
    anomaly = OpenAnomaly(
        number=1,
        detector="network",
        start_ns=0,
        opened_ns=0,
        opened_index=0,
        severity=2.0,
        reported=2.0,
    )
    said = status(
        asset("pump-1", open=anomaly, standing=standing),
        asset("pump-2", open=anomaly, standing=Standing(state="open", level="alert")),
    )
    assert "detector network; acknowledged by kim; group ab" in said
    rows = {line.split()[0]: line.split()[2] for line in said.splitlines() if " running " in line}
    assert rows == {"pump-1": "acknowledged", "pump-2": "ALERT"}
    assert {line.split()[0] for line in said.splitlines()[:2]} == {"ALARM", "ALERT"}


def test_a_regime_that_was_never_seen_is_trouble_and_no_alarm(status: Status) -> None:
    detail = "speed is 51, seen were 10 to 45"
    said = status(asset("pump-1", last_reason="regime", last_detail=detail))
    assert "ALARM" not in said
    assert f"TROUBLE  pump-1: not judged, as nothing was learned there: {detail}" in said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"mqtt": link(connected=False, error="refused", for_s=60.0)},
            "no connection to broker:1883 for 1 min: refused",
        ),
        (
            {"mqtt": link(refused=3, refusal="edge/v1/gw-1/score: not authorised")},
            "the broker refused 3 messages, the last on edge/v1/gw-1/score: not authorised",
        ),
        (
            {"outbox": StoreState(problem="disk full", max_bytes=100)},
            "outbox: disk full; messages wait in memory only",
        ),
        ({"outbox": StoreState(durable=True, bytes=90, max_bytes=100)}, "outbox: 90% full"),
        ({"time_quality": "unsynchronised"}, "the clock follows no time server"),
        (
            {"reload": ReloadReport(at="2026-01-01T00:00:00Z", accepted=False, problems=("x: y",))},
            "the configuration read at 2026-01-01T00:00:00Z was refused: x: y",
        ),
    ],
)
def test_trouble_is_said_before_the_figures(
    status: Status, facts: dict[str, Any], said: str
) -> None:
    assert status(**facts).splitlines()[0] == f"TROUBLE  {said}"


def test_an_asset_that_is_not_watched_is_trouble(status: Status) -> None:
    said = status(asset("pump-1", state="failed", reason="unplugged", restarts=2))
    assert said.splitlines()[0] == "TROUBLE  pump-1: failed: unplugged; 2 restarts"


def test_a_machine_that_stands_still_is_no_trouble(status: Status) -> None:
    said = status(asset("pump-1", last_reason="idle"))
    assert "all is well" in said
    assert "running (idle)" in said


def test_a_clock_that_was_set_is_mentioned(status: Status) -> None:
    step = ClockStep(at="2026-01-01T03:00:00.25Z", by_s=-3600.0, count=2)
    assert "set by -3600 s at 2026-01-01T03:00:00Z, steps so far: 2" in status(clock_stepped=step)


def test_json_holds_everything(status: Status) -> None:
    said = json.loads(status(arguments=("--json",)))
    assert said["ledger"]["assets"][0]["windows"]["sampled"] == 1000
    assert {"outbox", "mqtt", "process", "time_quality", "reload", "assets"} <= said.keys()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.0, "59 s"), (61.0, "1 min"), (3660.0, "1 h 1 min"), (180_000.0, "2 d 2 h")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
