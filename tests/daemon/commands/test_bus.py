import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.daemon.commands.audit import Audit
from edge_agent.daemon.commands.bus import REMEMBERED_MAX, WAITING_MAX, Bus, Origin, Respond
from edge_agent.daemon.commands.requests import (
    Acknowledge,
    Alarms,
    Answer,
    Resume,
    Shelve,
    done,
    refused,
)

LOCAL = Origin("local", 1000)


class Bench:
    """A bus whose background is this thread, and what it answered."""

    def __init__(self, folder: Path) -> None:
        self.audit = Audit(folder)
        self.woken = 0
        self.jobs: list[Callable[[], None]] = []
        self.bus = Bus(self.audit, self._wake, self.jobs.append)
        self.asked: list[str] = []
        self.answers: list[Answer] = []

    def _wake(self) -> None:
        self.woken += 1

    def ask(self, command: Shelve | Alarms | Acknowledge | Resume) -> None:
        self.bus.submit(command, LOCAL, self.answers.append)

    def do(self, command: Shelve | Resume, respond: Respond) -> None:
        self.asked.append(command.id)
        respond(done(n=len(self.asked)))

    def settle(self) -> None:
        for _ in range(REMEMBERED_MAX + WAITING_MAX):
            self.bus.serve()
        while self.jobs:
            self.jobs.pop(0)()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.bus.register(Shelve, bench.do)
    bench.bus.register(Resume, bench.do)
    return bench


def shelve(own_id: str = "a", for_s: float = 60.0) -> Shelve:
    return Shelve(id=own_id, by="kim", asset="pump-1", for_s=for_s)


def test_a_command_waits_for_the_scoring_thread_and_wakes_it(bench: Bench) -> None:
    bench.ask(shelve())
    assert (bench.woken, bench.asked, bench.answers) == (1, [], [])
    bench.settle()
    assert bench.asked == ["a"]
    assert bench.answers == [done(n=1)]


def test_nobody_hears_an_answer_before_it_is_in_the_audit(bench: Bench) -> None:
    bench.ask(shelve())
    bench.bus.serve()
    assert bench.asked == ["a"]
    assert bench.answers == []
    bench.settle()
    (line,) = bench.audit.last(10)
    assert (line.what, line.by, line.via, line.user) == ("shelve", "kim", "local", 1000)
    assert (line.command, line.answer) == (shelve(), done(n=1))


def test_sent_again_it_is_answered_again_and_done_once(bench: Bench) -> None:
    bench.ask(shelve())
    bench.ask(shelve())
    bench.settle()
    bench.ask(shelve())
    assert bench.asked == ["a"]
    assert bench.answers == [done(n=1)] * 3


def test_after_a_restart_it_is_still_done_once(bench: Bench, tmp_path: Path) -> None:
    bench.ask(shelve())
    bench.settle()
    after = Bench(tmp_path)
    after.bus.register(Shelve, after.do)
    after.ask(shelve())
    after.settle()
    assert (after.asked, after.answers) == ([], [done(n=1)])


def test_an_id_stands_for_one_command(bench: Bench) -> None:
    bench.ask(shelve())
    bench.ask(shelve(for_s=120.0))
    bench.settle()
    bench.ask(Resume(id="a", by="kim", asset="pump-1"))
    again = refused("id a was used for another command, shelve")
    assert bench.answers == [again, done(n=1), again]


def test_what_changes_nothing_is_asked_as_often_as_one_likes_and_not_logged(bench: Bench) -> None:
    bench.bus.register(Alarms, lambda _c, respond: respond(done(assets=[])))
    for _ in range(2):
        bench.ask(Alarms(id="a", by="kim"))
        bench.settle()
    assert bench.answers == [done(assets=[])] * 2
    assert bench.audit.last(10) == []


def test_so_many_wait_at_most(bench: Bench) -> None:
    for n in range(WAITING_MAX + 1):
        bench.ask(shelve(str(n)))
    assert bench.answers == [refused(f"busy: {WAITING_MAX} commands wait for their answers")]
    bench.settle()
    assert len(bench.asked) == WAITING_MAX
    bench.ask(shelve(str(WAITING_MAX)))
    bench.settle()
    assert bench.answers[-1] == done(n=WAITING_MAX + 1)


def test_a_handler_that_raises_is_an_answer_and_a_line_in_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_command: Shelve, _respond: Respond) -> None:
        raise RuntimeError("no such thing")

    bench.bus.register(Shelve, fail)
    bench.ask(shelve())
    bench.settle()
    assert bench.answers == [refused("failed: RuntimeError: no such thing")]
    assert "command shelve failed" in caplog.text


def test_what_nobody_does_is_refused(bench: Bench) -> None:
    bench.ask(Acknowledge(id="a", by="kim", asset="pump-1"))
    bench.settle()
    assert bench.answers == [refused("this agent cannot ack")]


def test_an_answer_may_come_later_from_another_thread_and_counts_once(bench: Bench) -> None:
    kept: list[Respond] = []
    bench.bus.register(Shelve, lambda _c, respond: kept.append(respond))
    bench.ask(shelve())
    bench.settle()
    assert bench.answers == []
    for n in (1, 2):
        thread = threading.Thread(target=kept[0], args=[done(n=n)])
        thread.start()
        thread.join()
    bench.settle()
    assert bench.answers == [done(n=1)]


def test_what_the_disk_does_not_take_is_done_and_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Audit, "append", full)
    bench.ask(shelve())
    bench.settle()
    (answer,) = bench.answers
    assert (answer.result, answer.durable) == ("ok", False)
