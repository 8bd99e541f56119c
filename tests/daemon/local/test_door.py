import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from edge_agent.daemon.commands.bus import Origin, Respond
from edge_agent.daemon.commands.requests import AnyCommand, Resume, done
from edge_agent.daemon.config.settings import Metrics
from edge_agent.daemon.local.client import NoAnswerError, ask
from edge_agent.daemon.local.door import LocalDoor
from edge_agent.daemon.local.lookout import Lookout
from edge_agent.daemon.status import NotRunningError

COMMAND = Resume(id="a", by="kim", asset="pump-1")


class Report:
    """As much of an AgentReport as a client asks for."""

    assets = ()

    def __init__(self, socket: str | None) -> None:
        self.socket = socket


class Bench:
    """A door, and the commands that came through it."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[AnyCommand, Origin, Respond]] = []
        self.answers = True
        report: Any = lambda: Report(None)  # noqa: E731
        self.door = LocalDoor(folder, Metrics(enabled=False), Lookout(), report, self._submit)
        self.door.start()
        self.report: Any = Report(self.door.socket_path)

    def _submit(self, command: AnyCommand, origin: Origin, respond: Respond) -> None:
        self.asked.append((command, origin, respond))
        if self.answers:
            respond(done(n=len(self.asked)))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.door.stop(60.0)


def test_a_command_is_asked_in_the_name_of_the_process_s_user_and_answered(bench: Bench) -> None:
    for n in (1, 2):
        assert ask(bench.report, COMMAND, 60.0) == done(n=n)
    command, origin, _ = bench.asked[0]
    assert (command, origin) == (COMMAND, Origin("local", os.geteuid()))


def test_who_does_not_wait_for_the_answer_misses_it_and_harms_nobody(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench.answers = False
    with pytest.raises(NoAnswerError):
        ask(bench.report, COMMAND, 0.01)
    assert wait_until(lambda: bench.asked)
    bench.asked[0][2](done())
    bench.answers = True
    assert ask(bench.report, COMMAND, 60.0) == done(n=2)
    assert not caplog.messages


def test_an_answer_that_comes_after_the_end_is_nobody_s(bench: Bench) -> None:
    bench.answers = False
    with pytest.raises(NoAnswerError):
        ask(bench.report, COMMAND, 0.01)
    assert wait_until(lambda: bench.asked)
    bench.door.stop(60.0)
    bench.asked[0][2](done())
    with pytest.raises(NotRunningError):
        ask(bench.report, COMMAND, 60.0)
