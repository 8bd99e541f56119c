import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fitted import Gateway, enrol
from forge import Forge
from waiting import wait_until

from edge_agent.daemon.update.signing import AGAIN_S, Signing
from edge_agent.disk import READABLE, Disk
from edge_agent.rollout.envelope import unseal
from edge_agent.rollout.install.journal import Journal
from edge_agent.rollout.messages import REPORT_TYPE, Report

REPORT = Report(
    gateway="gw-1",
    number=0,
    session="s",
    at=datetime.now(UTC),
    time_quality="unknown",
    state="idle",
)


class FullDisk(Disk):
    full = False

    def write(self, file: Path, content: bytes, mode: int = READABLE) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(file, content, mode)


class Bench:
    def __init__(self, folder: Path) -> None:
        forge = Forge()
        self.gateway = Gateway(folder, forge, enrol(folder / "enrolment", forge.first_root))
        self.disk = FullDisk()
        self.journal = Journal(folder / "update", self.disk)
        self.stated: list[bytes] = []
        self.signing = Signing(
            str(folder / "enrolment"),
            self.journal,
            lambda job: job(),
            self.stated.append,
            lambda: None,
        )

    def reports(self) -> list[Report]:
        key = self.gateway.member.key()
        return [unseal(content, REPORT_TYPE, Report, [key]) for content in self.stated]

    def settle(self) -> None:
        assert wait_until(lambda: not self.signing.is_busy)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_newest_report_is_numbered_signed_and_stated(bench: Bench) -> None:
    first = bench.journal.standing.number
    bench.signing.ask(REPORT)
    bench.signing.ask(REPORT)
    bench.signing.look(0.0)
    bench.settle()
    bench.signing.look(0.0)
    (report,) = bench.reports()
    assert report.number == first + 1 == Journal(bench.journal._file.parent).standing.number  # noqa: SLF001


def test_a_key_that_is_not_ours_is_named_and_tried_again_later(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    key = bench.gateway.home / "enrolment" / "gateway.pem"
    kept = key.read_bytes()
    key.write_bytes(b"nonsense")
    bench.signing.ask(REPORT)
    bench.signing.look(0.0)
    bench.settle()
    assert "no private key of ours" in str(bench.signing.problem)
    assert "the report is not signed" in caplog.text
    key.write_bytes(kept)
    bench.signing.look(1.0)
    bench.settle()
    bench.signing.look(2.0 + AGAIN_S)
    bench.settle()
    assert bench.signing.problem is None
    assert len(bench.reports()) == 1


def test_without_a_number_on_the_disk_nothing_is_stated(bench: Bench) -> None:
    bench.disk.full = True
    bench.signing.ask(REPORT)
    bench.signing.look(0.0)
    bench.settle()
    assert bench.stated == []
    assert "the journal cannot be written: No space left" in str(bench.signing.problem)
