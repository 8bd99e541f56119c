"""What the scoring thread does about commissioning costs it neither the disk nor the agent."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs import Rig

from edge_agent.bundle import Bundle
from edge_agent.daemon.commands.requests import Answer, Commission
from edge_agent.daemon.commissioning.commissioner import Commissioner
from edge_agent.daemon.commissioning.listening import listen
from edge_agent.daemon.commissioning.overlays import overlays_in
from edge_agent.daemon.config.settings import Asset, SensorSettings
from edge_agent.daemon.messages import Score
from edge_agent.daemon.models import Models
from edge_agent.daemon.recorder import Rows

WINDOWS = 20


class Commissioned:
    """An asset that is listened to; ``readers`` are the threads that have read the recorder."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.rig = Rig(folder)
        read, self.readers = self.rig.recorder.read, set[str]()

        def noted(asset: str, **which: Any) -> Rows:
            self.readers.add(threading.current_thread().name)
            return read(asset, **which)

        pump = Asset(name="pump-1", bundle=str(bundle), sensor=SensorSettings(plugin="bench"))
        self.rig.add(listen(Bundle.read(bundle), pump), period_s=60.0)
        self.rig.recorder.read = noted  # type: ignore[method-assign]
        self.commissioner = Commissioner(
            self.rig.watches, overlays_in(folder), self.rig.recorder, self.rig.keeper.do
        )
        self.models = Models(None)
        self.answers: list[Answer] = []

    def ask(self) -> None:
        command = Commission(id="c1", by="kim", asset="pump-1", windows=WINDOWS)
        self.commissioner.command(command, self.answers.append)
        self.rig.run(lambda: len(self.rig.of(Score)) > WINDOWS)

    def look(self) -> None:
        """Look once; return when all is done that this began."""
        self.commissioner.look(self.models)
        done = threading.Event()
        self.rig.keeper.do(done.set)
        assert done.wait(60.0)
        self.commissioner.join(60.0)


@pytest.fixture
def asset(tmp_path: Path, general_bundle_file: Path) -> Iterator[Commissioned]:
    made = Commissioned(tmp_path, general_bundle_file)
    yield made
    made.rig.end()


def test_the_recorder_is_read_elsewhere(asset: Commissioned) -> None:
    asset.ask()
    asset.look()  # counts
    asset.look()  # computes
    asset.look()  # takes it
    assert len(asset.readers) == 2
    assert threading.current_thread().name not in asset.readers


def test_windows_that_were_counted_and_lost_are_waited_for_again(
    asset: Commissioned, tmp_path: Path
) -> None:
    asset.ask()
    asset.look()
    asset.rig.recorder.close()
    (tmp_path / "recorder" / "pump-1.ring").write_bytes(b"no ring")
    asset.look()
    asset.look()
    (record,) = asset.rig.watches.records
    assert record.commissioning is not None
    assert record.commissioning.refused == "the flight recorder does not hold them any more"
    assert record.commissioning.windows == 0


def test_what_the_disk_does_not_take_is_not_said_to_outlive_a_restart(
    asset: Commissioned, tmp_path: Path
) -> None:
    (tmp_path / "overlays").write_text("in the way")
    asset.ask()
    asset.look()
    (answer,) = asset.answers
    assert (answer.result, answer.durable) == ("ok", False)
