from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.daemon.alarm_state import AlarmStatement
from edge_agent.daemon.alarms.cycle import Seen
from edge_agent.daemon.alarms.desk import Desk
from edge_agent.daemon.alarms.handlers import AlarmCommands
from edge_agent.daemon.alarms.kept import Noted
from edge_agent.daemon.alarms.messages import GroupState, Label
from edge_agent.daemon.commands.audit import Audit
from edge_agent.daemon.commands.bus import Bus, Origin
from edge_agent.daemon.commands.requests import (
    Acknowledge,
    Alarms,
    Answer,
    AnyCommand,
    Confirm,
    Log,
    Maintain,
    Reject,
    Resume,
    Shelve,
    Unshelve,
)
from edge_agent.daemon.config.settings import OutboxSettings
from edge_agent.daemon.messages import AlarmState, Message
from edge_agent.daemon.outbox import Outbox, Store
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.session import Session
from edge_agent.daemon.topics import Topics

NS = 1_000_000_000


class Bench:
    """A desk with some assets, asked through a bus; background jobs are done when told to."""

    def __init__(self, folder: Path, assets: int = 2) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.outbox = Outbox(100.0)
        self.outbox.connection_began()
        self.store = Store(self.outbox, OutboxSettings(), folder)
        self.session = Session(Topics("edge/v1", "gw-1"))
        self.audit = Audit(folder)
        self.desk = Desk(folder, self.audit, self.session, self.outbox, self.jobs.append)
        self.bus = Bus(self.audit, lambda: None, self.jobs.append)
        AlarmCommands(self.desk, lambda: self.store.state.durable).register(self.bus)
        self.records = [AssetRecord(f"pump-{n + 1}", "bench", "running") for n in range(assets)]
        self.voices = [AlarmStatement(record, self.desk) for record in self.records]
        for voice in self.voices:
            voice.state()
        self.ids = 0

    def settle(self) -> None:
        self.store.step()
        while self.jobs:
            self.jobs.pop(0)()

    def ask(self, kind: Callable[..., AnyCommand], **fields: Any) -> Answer:
        self.ids += 1
        answers: list[Answer] = []
        command = kind(**{"id": f"c{self.ids}", "by": "kim"} | fields)
        self.bus.submit(command, Origin("local"), answers.append)
        self.bus.serve()
        assert not answers or not command.changes
        self.settle()
        (answer,) = answers
        return answer

    def opens(self, n: int = 1, severity: float = 1.2) -> None:
        """Let an anomaly of an asset open."""
        noted = Noted(
            id=f"{n:032x}",
            number=1,
            detector="network",
            opened_ns=n * NS,
            severity=severity,
            level="alert",
            model_sha256="ab",
        )
        cycle = self.desk.cycle(f"pump-{n}")
        cycle.window(Seen("open", noted), self.desk.now())
        self.voices[n - 1].state()

    def said(self) -> list[Message]:
        self.settle()
        bodies = [out.body for out in iter(self.outbox.take, None)]
        return [msgspec.json.decode(body, type=Message) for body in bodies]

    def alarm(self) -> AlarmState:
        """What the first asset's retained message says, where it says something new."""
        said = [m for m in self.said() if isinstance(m, AlarmState) and m.asset == "pump-1"]
        return said[-1]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_whoever_comes_late_sees_who_looks_after_an_alarm(bench: Bench) -> None:
    bench.opens()
    assert bench.alarm().state == "open"
    answer = bench.ask(Acknowledge, asset="pump-1", note="on my way")
    assert (answer.result, answer.durable) == ("ok", True)
    said = bench.alarm()
    assert said.acknowledged is not None
    assert (said.state, said.acknowledged.by, said.acknowledged.note) == (
        "acknowledged",
        "kim",
        "on my way",
    )


def test_a_shelved_asset_says_until_when_and_what_it_kept_to_itself(bench: Bench) -> None:
    bench.ask(Shelve, asset="pump-1", for_s=3600.0)
    bench.said()
    bench.opens()
    said = bench.alarm()
    assert (said.alarm, said.state, said.silenced) == (True, "shelved", 1)
    assert said.shelved is not None
    assert said.shelved.until is not None
    assert said.shelved.until > said.shelved.at
    bench.ask(Unshelve, asset="pump-1")
    assert bench.alarm().state == "open"


def test_a_machine_in_maintenance_is_in_no_alarm_and_says_what_is_found(bench: Bench) -> None:
    bench.ask(Maintain, asset="pump-1")
    bench.said()
    bench.opens()
    said = bench.alarm()
    assert (said.alarm, said.state, said.silenced, said.severity) == (
        False,
        "maintenance",
        1,
        1.2,
    )
    bench.ask(Resume, asset="pump-1")
    assert bench.alarm().alarm


def test_what_people_said_outlives_the_agent(bench: Bench, tmp_path: Path) -> None:
    bench.opens()
    bench.ask(Acknowledge, asset="pump-1")
    bench.ask(Shelve, asset="pump-2", for_s=3600.0, note="spare")
    after = Bench(tmp_path)
    assert [after.desk.standing(f"pump-{n}").state for n in (1, 2)] == ["acknowledged", "shelved"]


def test_nobody_hears_an_answer_before_it_is_on_the_disk(bench: Bench, tmp_path: Path) -> None:
    answers: list[Answer] = []
    command = Shelve(id="a", by="kim", asset="pump-1", for_s=60.0)
    bench.bus.submit(command, Origin("local"), answers.append)
    bench.bus.serve()
    while not answers:
        bench.jobs.pop(0)()
    assert Bench(tmp_path).desk.standing("pump-1").state == "shelved"
    assert [line.what for line in bench.audit.last(9)] == ["shelve"]


def test_a_full_disk_silences_and_says_for_how_long(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge_agent.daemon.alarms.files.write_durably", full)
    answer = bench.ask(Shelve, asset="pump-1", for_s=60.0)
    assert (answer.result, answer.durable) == ("ok", False)
    assert bench.desk.standing("pump-1").state == "shelved"


def test_what_is_kept_and_damaged_is_begun_anew_and_told_of(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench.ask(Shelve, asset="pump-1", for_s=60.0)
    (tmp_path / "alarms" / "assets" / "pump-1.json").write_bytes(b'{"shelved":\xff')
    assert Bench(tmp_path).desk.standing("pump-1").state == "quiet"
    assert "asset pump-1: what was said of alarms is lost" in caplog.text


@pytest.mark.parametrize("kind", [Acknowledge, Unshelve, Maintain, Resume, Confirm, Reject, Alarms])
def test_an_asset_that_is_not_there_is_refused_by_naming_those_that_are(
    bench: Bench, kind: Callable[..., AnyCommand]
) -> None:
    answer = bench.ask(kind, asset="pump-9")
    assert answer.reason == "no asset pump-9; there are pump-1, pump-2"


def test_what_cannot_be_done_is_refused_and_stays_as_it_was(bench: Bench) -> None:
    answer = bench.ask(Acknowledge, asset="pump-1")
    assert (answer.result, answer.reason) == ("refused", "pump-1: no anomaly is open")
    assert bench.desk.standing("pump-1").state == "quiet"


def test_a_label_is_a_message_with_the_anomaly_s_span(bench: Bench) -> None:
    bench.opens()
    answer = bench.ask(Confirm, asset="pump-1", fault="outer race", note="changed")
    assert (answer.result, answer.durable) == ("ok", True)
    (label,) = [m for m in bench.said() if isinstance(m, Label)]
    assert (label.asset, label.label, label.fault, label.by, label.note) == (
        "pump-1",
        "confirmed",
        "outer race",
        "kim",
        "changed",
    )
    assert (label.start, label.closed, label.anomaly_id) == (
        "1970-01-01T00:00:01.000000Z",
        False,
        f"{1:032x}",
    )
    assert bench.desk.standing("pump-1").state == "acknowledged"


def test_labelled_again_the_anomaly_has_another_label_and_the_message_another_id(
    bench: Bench,
) -> None:
    bench.opens()
    bench.ask(Confirm, asset="pump-1")
    bench.ask(Reject, asset="pump-1")
    labels = [m for m in bench.said() if isinstance(m, Label)]
    assert [label.label for label in labels] == ["confirmed", "rejected"]
    assert len({label.id for label in labels}) == 2
    assert len({label.anomaly_id for label in labels}) == 1


def test_the_log_tells_the_story(bench: Bench) -> None:
    bench.opens()
    bench.ask(Acknowledge, asset="pump-1")
    bench.ask(Acknowledge, asset="pump-2")
    lines = bench.ask(Log).data["lines"]
    assert [(line["what"], line["asset"]) for line in lines] == [
        ("opened", "pump-1"),
        ("ack", "pump-1"),
        ("ack", "pump-2"),
    ]
    assert lines[2]["answer"]["result"] == "refused"
    assert [line["what"] for line in bench.ask(Log, asset="pump-1").data["lines"]] == [
        "opened",
        "ack",
    ]


def test_many_assets_at_once_are_one_group_and_each_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 4)
    bench.desk.look()
    bench.opens(1)
    bench.opens(2)
    bench.records[3].enter("no_data", "no block for more than 5 s", 0.0)
    bench.said()
    bench.desk.look()
    said = bench.said()
    (group,) = [m for m in said if isinstance(m, GroupState)]
    assert group.event == "open"
    assert [member.asset for member in group.groups[0].members] == ["pump-1", "pump-2", "pump-4"]
    alarms = {m.asset: m.group for m in said if isinstance(m, AlarmState)}
    assert alarms == dict.fromkeys(("pump-1", "pump-2", "pump-4"), group.group_id)
    assert [bench.desk.group_of(f"pump-{n}") for n in (1, 3)] == [group.group_id, None]


def test_a_group_outlives_the_agent_and_ends_with_the_last_of_its_assets(tmp_path: Path) -> None:
    before = Bench(tmp_path, 3)
    before.desk.look()
    for record in before.records:
        record.enter("sensor_fault", "stuck at 0", 0.0)
    before.desk.look()
    before.settle()
    after = Bench(tmp_path, 3)
    for record in after.records:
        record.enter("starting", None, 0.0)
    after.desk.look()
    (group,) = [m for m in after.said() if isinstance(m, GroupState)]
    assert (group.event, len(group.groups)) == (None, 1)
    for record in after.records:
        record.enter("running", None, 0.0)
        after.desk.look()
    last = [m for m in after.said() if isinstance(m, GroupState)][-1]
    assert last.event == "close"
    assert last.groups[0].closed is not None


def test_a_group_ends_without_the_assets_that_are_configured_no_more(tmp_path: Path) -> None:
    before = Bench(tmp_path, 4)
    before.desk.look()
    for record in before.records:
        record.enter("sensor_fault", "stuck at 0", 0.0)
    before.desk.look()
    before.settle()
    after = Bench(tmp_path, 3)
    after.desk.look()
    last = [m for m in after.said() if isinstance(m, GroupState)][-1]
    assert last.event == "close"
    assert Bench(tmp_path, 3).desk.group_of("pump-1") is None


def test_a_group_ends_though_the_end_of_its_anomalies_was_not_written(tmp_path: Path) -> None:
    before = Bench(tmp_path, 3)
    for n in (1, 2, 3):
        before.opens(n)
    before.settle()
    groups = (tmp_path / "alarms" / "groups.json").read_bytes()
    for n in (1, 2, 3):
        before.desk.cycle(f"pump-{n}").begin(None, before.desk.now())
    before.settle()
    (tmp_path / "alarms" / "groups.json").write_bytes(groups)  # as a kill may leave it
    after = Bench(tmp_path, 3)
    assert after.desk.group_of("pump-1") is not None
    after.desk.look()
    assert after.desk.group_of("pump-1") is None
    assert [m for m in after.said() if isinstance(m, GroupState)][-1].event == "close"


def test_an_asset_in_maintenance_is_struck_by_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 3)
    bench.desk.look()
    bench.ask(Maintain, asset="pump-3")
    for record in bench.records:
        record.enter("no_data", "no block", 0.0)
    bench.desk.look()
    assert not [m for m in bench.said() if isinstance(m, GroupState)]
