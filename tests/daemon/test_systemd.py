import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.daemon.systemd import Notifier, Watchdog, watchdog_timeout_s


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """The address of systemd's socket as NOTIFY_SOCKET spells it, and its other end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        if request.param == "path":
            address = str(tmp_path / "notify")
            end.bind(address)
        else:
            address = f"@edge-agent-test-{os.getpid()}"
            end.bind("\0" + address[1:])
        end.settimeout(60.0)
        yield address, end


def test_readiness_arrives(manager: tuple[str, socket.socket]) -> None:
    address, end = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
    notifier.send("READY=1", "STATUS=watching 2 assets")
    assert end.recv(100) == b"READY=1\nSTATUS=watching 2 assets"
    notifier.close()


def test_without_systemd_nothing_happens() -> None:
    Notifier.from_environment({}).send("READY=1")


def test_a_manager_that_has_gone_is_no_error(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "gone"))
    notifier.send("READY=1")
    notifier.close()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_as_systemd_asks(
    environment: dict[str, str], expected: float | None
) -> None:
    assert watchdog_timeout_s(environment) == expected


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[tuple[Watchdog, Callable[[], int]]]:
    """A watchdog of 8 s, and how often it was fed since it was asked last."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(0)
        notifier = Notifier(str(tmp_path / "notify"))

        def count() -> int:
            n = 0
            with contextlib.suppress(BlockingIOError):
                while end.recv(100) == b"WATCHDOG=1":
                    n += 1
            return n

        yield Watchdog(notifier, 8.0), count
        notifier.close()


Fed = tuple[Watchdog, Callable[[], int]]


def test_the_watchdog_is_fed_often_enough_but_not_for_every_window(fed: Fed) -> None:
    watchdog, count = fed
    for now_s in (10.0, 10.5, 11.9, 12.0, 13.0, 14.0):
        watchdog.feed(now_s, now_s - 0.1)
    assert count() == 3


def test_a_loop_that_turns_but_is_behind_is_not_alive(
    fed: Fed, caplog: pytest.LogCaptureFixture
) -> None:
    watchdog, count = fed
    for now_s in range(100, 140):
        watchdog.feed(now_s, now_s - 8.1)
    assert count() == 0
    assert caplog.messages == ["scoring is 8 s behind: the watchdog is not fed"]
    watchdog.feed(140.0, 139.0)
    assert count() == 1


def test_an_idle_loop_is_alive(fed: Fed) -> None:
    watchdog, count = fed
    for now_s in range(0, 20, 2):
        watchdog.feed(now_s, None)
    assert count() == 10


def test_without_a_timeout_nothing_is_fed() -> None:
    watchdog = Watchdog(Notifier(None), None)
    assert watchdog.interval_s is None
    watchdog.feed(1.0, None)
