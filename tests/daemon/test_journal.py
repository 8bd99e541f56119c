import logging
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.daemon.journal import LONGEST_BYTES, JournalHandler, encode, goes_to_journal


def decoded(datagram: bytes) -> dict[str, str]:
    """Read a datagram as journald does."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, is_short, value = line.partition(b"=")
        if not is_short:
            (length,) = struct.unpack("<Q", rest[:8])
            value, rest = rest[8 : 8 + length], rest[8 + length :]
            assert rest[:1] == b"\n"
            rest = rest[1:]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.settimeout(60.0)
        yield listener


@pytest.fixture
def logger(tmp_path: Path, journal: socket.socket) -> Iterator[logging.Logger]:
    handler = JournalHandler(tmp_path / "socket")
    made = logging.Logger("edge_agent.test")  # noqa: LOG001 - one that no other test sees
    made.addHandler(handler)
    yield made
    handler.close()


def test_a_line_carries_its_asset_and_event(logger: logging.Logger, journal: socket.socket) -> None:
    logger.warning("asset %s: %s", "pump-1", "gone", extra={"asset": "pump-1", "event": "failed"})
    fields = decoded(journal.recv(1 << 16))
    assert fields["MESSAGE"] == "asset pump-1: gone"
    assert (fields["ASSET"], fields["EVENT"], fields["PRIORITY"]) == ("pump-1", "failed", "4")
    assert fields["SYSLOG_IDENTIFIER"] == "edge-agent"
    assert fields["CODE_FILE"] == __file__


def test_a_line_without_an_asset_has_no_such_field(
    logger: logging.Logger, journal: socket.socket
) -> None:
    logger.info("started")
    assert not {"ASSET", "EVENT"} & decoded(journal.recv(1 << 16)).keys()


def test_a_traceback_stays_one_message(logger: logging.Logger, journal: socket.socket) -> None:
    try:
        int("of a plugin")
    except ValueError:
        logger.exception("a thread failed")
    said = decoded(journal.recv(1 << 16))["MESSAGE"]
    assert said.startswith("a thread failed\nTraceback")
    assert said.endswith("'of a plugin'")


@given(st.dictionaries(st.sampled_from(["MESSAGE", "ASSET", "EVENT"]), st.text()))
def test_whatever_is_said_comes_back(fields: dict[str, str]) -> None:
    sent = {name: value.encode(errors="replace").decode() for name, value in fields.items()}
    assert decoded(encode(fields)) == sent


def test_a_text_that_is_too_long_for_a_datagram_is_cut(
    logger: logging.Logger, journal: socket.socket
) -> None:
    logger.info("x" * 10_000_000)
    assert decoded(journal.recv(1 << 20))["MESSAGE"] == "x" * LONGEST_BYTES


def test_a_journal_that_does_not_read_holds_up_nobody(
    logger: logging.Logger, journal: socket.socket
) -> None:
    for i in range(2000):
        logger.info("line %d", i)
    journal.settimeout(0.0)
    said = []
    while True:
        try:
            said.append(decoded(journal.recv(1 << 16))["MESSAGE"])
        except BlockingIOError:
            break
    logger.info("after")
    lost = 2000 - len(said)
    assert lost > 0
    after = decoded(journal.recv(1 << 16))["MESSAGE"]
    assert after == f"after ({lost} lines before this one lost: the journal was slow)"


def test_without_a_journal_the_line_goes_to_standard_error(
    logger: logging.Logger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "socket").unlink()
    logger.error("still here")
    assert capsys.readouterr().err == "<3>still here\n"


def test_only_the_stream_that_systemd_names_is_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        found = os.fstat(stream.fileno())
        own = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert goes_to_journal(stream.fileno(), own)
        assert not goes_to_journal(stream.fileno(), {"JOURNAL_STREAM": "1:2"})
        assert not goes_to_journal(stream.fileno(), {})
    assert not goes_to_journal(-1, own)
