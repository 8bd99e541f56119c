import socket
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from edge_agent.daemon.local.messages import (
    REQUEST_BYTES_MAX,
    BlockSeen,
    Request,
    Said,
    WindowSeen,
    WindowsLost,
)
from edge_agent.daemon.local.viewer import HELD_BYTES_MAX, Viewer, ViewerGone
from edge_agent.plugin import Block

BLOCK = Block(np.arange(1 << 18, dtype=np.float32)[:, None], 5, 1000.0, "g", ("x",))
WINDOW = WindowSeen(
    asset="pump-1",
    index=0,
    start="",
    end="",
    score=1.0,
    threshold=2.0,
    level_score=None,
    level_threshold=None,
    anomaly=False,
    reason=None,
    gap=False,
    clipped=False,
    event=None,
    severity=None,
    features=(),
)


@pytest.fixture
def ends() -> Iterator[tuple[Viewer, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(0.0)
    yield Viewer(ours), theirs
    ours.close()
    theirs.close()


def read_all(viewer: Viewer, theirs: socket.socket) -> bytes:
    heard = b""
    while viewer.wants_to_write:
        viewer.write()
        while True:
            try:
                heard += theirs.recv(1 << 20)
            except BlockingIOError:
                break
    return heard


def hear_all(viewer: Viewer) -> None:
    while viewer.request is None:
        viewer.hear()


def blocks_in(heard: bytes) -> list[BlockSeen]:
    found = []
    while heard:
        line, _, heard = heard.partition(b"\n")
        said = msgspec.json.decode(line, type=Said)
        assert isinstance(said, BlockSeen)
        size = said.length * len(said.channels) * 4
        assert np.frombuffer(heard[:size], np.float32)[-1] == said.length - 1
        heard = heard[size:]
        found.append(said)
    return found


def test_a_block_comes_whole_however_the_socket_cuts_it(ends: tuple[Viewer, socket.socket]) -> None:
    viewer, theirs = ends
    viewer.show(BLOCK, None)
    viewer.show(BLOCK, 60.0)
    first, second = blocks_in(read_all(viewer, theirs))
    assert (first.start_ns, first.rate_hz, first.unit, first.channels) == (5, 1000.0, "g", ("x",))
    assert (first.period_s, second.period_s) == (None, 60.0)


def test_a_viewer_that_does_not_read_is_given_up_on_block_by_block(
    ends: tuple[Viewer, socket.socket],
) -> None:
    viewer, theirs = ends
    offered = 3 * HELD_BYTES_MAX // BLOCK.samples.nbytes
    for _ in range(offered):
        viewer.show(BLOCK, None)
        viewer.write()
    came = blocks_in(read_all(viewer, theirs))
    assert len(came) < offered / 2
    viewer.show(BLOCK, None)
    viewer.show(BLOCK, None)
    assert [b.gap_before for b in blocks_in(read_all(viewer, theirs))] == [True, False]


def test_windows_that_a_viewer_misses_are_counted(ends: tuple[Viewer, socket.socket]) -> None:
    viewer, theirs = ends
    viewer.show(BLOCK, None)
    while viewer._held_bytes <= HELD_BYTES_MAX:  # noqa: SLF001
        viewer.show(BLOCK, None)
    for _ in range(7):
        viewer.say(WINDOW)
    read_all(viewer, theirs)
    viewer.say(WINDOW)
    lost, window = read_all(viewer, theirs).splitlines()
    assert msgspec.json.decode(lost, type=Said) == WindowsLost(windows=7)
    assert msgspec.json.decode(window, type=Said) == WINDOW


def test_a_request_may_come_in_pieces_and_once(ends: tuple[Viewer, socket.socket]) -> None:
    viewer, theirs = ends
    for piece in (b'{"want":"bl', b'ocks","asset"', b':"pump-1"}\n'):
        assert viewer.request is None
        theirs.send(piece)
        viewer.hear()
    assert viewer.request == Request(want="blocks", asset="pump-1")
    theirs.send(b"more\n")
    with pytest.raises(ViewerGone):
        viewer.hear()


@pytest.mark.parametrize(
    "said", [b"\n", b"[]\n", b"\xff\n", b'{"want":"keys"}\n', b"x" * (REQUEST_BYTES_MAX + 1)]
)
def test_nonsense_ends_the_connection(ends: tuple[Viewer, socket.socket], said: bytes) -> None:
    viewer, theirs = ends
    theirs.send(said)
    with pytest.raises(ViewerGone):
        hear_all(viewer)


def test_a_client_that_hangs_up_is_gone(ends: tuple[Viewer, socket.socket]) -> None:
    viewer, theirs = ends
    theirs.close()
    with pytest.raises(ViewerGone):
        viewer.hear()
    viewer.say(WINDOW)
    with pytest.raises(ViewerGone):
        viewer.write()
