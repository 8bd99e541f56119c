import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge_agent.daemon.ledger import (
    AssetLedger,
    LedgerSnapshot,
    MessageCounts,
    StoreState,
    WindowCounts,
)
from edge_agent.daemon.local.metrics import registry_of
from edge_agent.daemon.local.metrics_page import MetricsPage
from edge_agent.daemon.mqtt.inbox import InboxState
from edge_agent.daemon.mqtt.link import LinkState
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.report import AgentReport, asset_reports, link_report, process_report
from edge_agent.daemon.status import boot_time_s
from edge_agent.daemon.update.report import UpdateReport
from edge_agent.pipeline.alarm import OpenAnomaly

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = "edge-agent.rules.yml"


def report(*records: AssetRecord, **more: Any) -> AgentReport:
    facts: dict[str, Any] = {
        "pid": 1,
        "gateway": "gw-1",
        "state_dir": "state",
        "session": "s",
        "started": "2026-01-01T00:00:00Z",
        "uptime_s": 12.5,
        "written": "2026-01-01T00:00:00Z",
        "written_boot_s": boot_time_s(),
        "versions": {"edge-agent": "0.1.0", "python": "3.11"},
        "time_quality": "synchronised",
        "metrics": None,
        "socket": None,
        "process": process_report(),
        "mqtt": link_report("broker:1883", LinkState(connected=True, connections=3), InboxState()),
        "outbox": StoreState(),
        "ledger": LedgerSnapshot(since="", assets=()),
        "assets": asset_reports(records),
    }
    return AgentReport(**facts | more)


def scraped(made: AgentReport) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = generate_latest(registry_of(lambda: made)).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def record(name: str) -> AssetRecord:
    return AssetRecord(
        name,
        "bench",
        state="running",
        blocks=4,
        last_block_s=time.monotonic(),
        scored=3,
        score=1.5,
        threshold=2.0,
        flow_total_s=0.25,
    )


def test_the_state_of_the_update_is_one_of_all() -> None:
    update = UpdateReport(enrolled=True, state="active", held_s=12.5)
    figures = scraped(report(update=update))
    assert figures["edge_agent_update_state", (("state", "active"),)] == 1.0
    assert figures["edge_agent_update_state", (("state", "failed"),)] == 0.0
    assert figures["edge_agent_update_held_seconds", ()] == 12.5
    assert not [name for name, _ in scraped(report()) if "update" in name]


def test_figures_of_an_asset_carry_its_name() -> None:
    figures = scraped(report(record("pump-1"), record("pump-2")))
    assert not any(name.startswith("edge_agent_windows") for name, _ in figures)
    for asset in ("pump-1", "pump-2"):
        one = ("asset", asset)
        assert figures["edge_agent_score", (one, ("detector", "network"))] == 1.5
        assert figures["edge_agent_threshold", (one, ("detector", "network"))] == 2.0
        assert figures["edge_agent_asset_state", (one, ("state", "running"))] == 1.0
        assert figures["edge_agent_asset_state", (one, ("state", "failed"))] == 0.0
        assert figures["edge_agent_flow_seconds_sum", (one,)] == 0.25
        assert figures["edge_agent_flow_seconds_count", (one,)] == 4.0
        assert 0.0 <= figures["edge_agent_block_age_seconds", (one,)] < 60.0
        assert figures["edge_agent_anomaly_open", (one,)] == 0.0
        quiet = ("edge_agent_alarm_state", (one, ("state", "quiet")))
        assert figures[quiet] == 1.0


def test_the_ledger_shows_windows_by_outcome_and_messages_by_kind() -> None:
    assets = tuple(
        AssetLedger(
            asset=name,
            windows=WindowCounts(
                sampled=5, scored=3, not_scored={"washout": 2}, models={"a": 1, "b": 2}
            ),
            messages={"score": MessageCounts(queued=5, acknowledged=3, evicted=1, pending=1)},
        )
        for name in ("pump-1", "one that was removed")
    )
    outbox = StoreState(durable=True, bytes=2000, max_bytes=10_000, set_aside=1)
    figures = scraped(report(ledger=LedgerSnapshot(since="", assets=assets), outbox=outbox))
    removed = ("asset", "one that was removed")
    assert figures["edge_agent_windows_total", (removed, ("outcome", "scored"))] == 3.0
    assert figures["edge_agent_windows_total", (removed, ("outcome", "washout"))] == 2.0
    assert figures["edge_agent_scored_windows_total", (removed, ("model", "b"))] == 2.0
    fates = ("acknowledged", "refused", "evicted", "expired", "lost")
    score = (("kind", "score"),)
    gone = sum(figures[f"edge_agent_messages_{fate}_total", score] for fate in fates)
    pending = figures["edge_agent_messages_pending", score]
    assert figures["edge_agent_messages_queued_total", score] == gone + pending == 10.0
    assert figures["edge_agent_outbox_bytes", ()] == 2000.0
    assert figures["edge_agent_outbox_limit_bytes", ()] == 10_000.0
    assert figures["edge_agent_outbox_durable", ()] == 1.0
    assert figures["edge_agent_outbox_set_aside_total", ()] == 1.0


def test_what_is_not_known_has_no_sample() -> None:
    silent = AssetRecord("pump-1", "bench")
    figures = scraped(report(silent, time_quality="unknown"))
    names = {name for name, _ in figures}
    assert "edge_agent_asset_state" in names
    assert not names & {
        "edge_agent_score",
        "edge_agent_threshold",
        "edge_agent_block_age_seconds",
        "edge_agent_anomaly_severity_ratio",
        "edge_agent_clock_synchronised",
    }


def test_an_open_anomaly_shows() -> None:
    loud = record("pump-1")
    loud.open = OpenAnomaly(
        number=1,
        detector="level",
        start_ns=0,
        opened_ns=0,
        opened_index=3,
        severity=2.5,
        reported=2.5,
    )
    figures = scraped(report(loud))
    assert figures["edge_agent_anomaly_open", (("asset", "pump-1"),)] == 1.0
    assert figures["edge_agent_anomaly_severity_ratio", (("asset", "pump-1"),)] == 2.5


def test_the_agent_itself_shows() -> None:
    figures = scraped(report())
    assert figures["edge_agent_mqtt_connected", ()] == 1.0
    assert figures["edge_agent_mqtt_connections_total", ()] == 3.0
    assert figures["edge_agent_clock_synchronised", ()] == 1.0
    assert figures["process_resident_memory_bytes", ()] > 1e6
    versions = (("edge_agent", "0.1.0"), ("python", "3.11"))
    assert figures["edge_agent_build_info", versions] == 1.0


def answered(client: Callable[[int], Any]) -> Any:
    page = MetricsPage(lambda: report(record("pump-1")))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said: list[Any] = []
        thread = threading.Thread(target=lambda: said.append(client(listener.getsockname()[1])))
        thread.start()
        page.answer(*listener.accept())
        thread.join(60.0)
        return said[0]


def test_a_scrape_is_answered_as_http() -> None:
    def scrape(port: int) -> tuple[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return answer.headers["Content-Type"], answer.read().decode()

    kind, text = answered(scrape)
    assert kind.startswith("text/plain")
    assert 'edge_agent_anomaly_open{asset="pump-1"} 0.0' in text


@pytest.mark.parametrize("said", [b"", b"\0\xff\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"GET"])
def test_a_client_that_talks_nonsense_is_let_go(said: bytes) -> None:
    def talk(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(said)

    assert answered(talk) is None


def test_dashboard_and_rules_ask_only_for_what_there_is() -> None:
    loud = record("pump-1")
    loud.open = OpenAnomaly(
        number=1,
        detector="level",
        start_ns=0,
        opened_ns=0,
        opened_index=3,
        severity=2.5,
        reported=2.5,
    )
    counted = AssetLedger(
        asset="pump-1", windows=WindowCounts(scored=1), messages={"score": MessageCounts()}
    )
    ledger = LedgerSnapshot(since="", assets=(counted,))
    there = {name for name, _ in scraped(report(loud, ledger=ledger))}
    for file in (DEPLOY / "grafana" / "edge-agent.json", DEPLOY / "prometheus" / RULES):
        asked = set(re.findall(r"\b(?:edge_agent|process)_\w+", file.read_text()))
        assert len(asked) > 5
        assert asked <= there, file


def test_the_dashboard_is_one_that_grafana_can_place() -> None:
    board = json.loads((DEPLOY / "grafana" / "edge-agent.json").read_text())
    assert {"title", "uid", "schemaVersion", "panels", "templating"} <= board.keys()
    variables = {variable["name"] for variable in board["templating"]["list"]}
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}
            assert used <= variables, target["expr"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.skipif(not shutil.which("promtool"), reason="prometheus is not installed")
def test_promtool_finds_nothing_wrong() -> None:
    config = ["promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")]
    checked = subprocess.run(config, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    text = generate_latest(registry_of(lambda: report(record("pump-1"))))
    checked_metrics = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (checked_metrics.returncode, checked_metrics.stderr) == (0, b"")
