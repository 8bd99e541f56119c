"""The agent's local door: a socket for ``tap``, ``record`` and commands, a page for Prometheus.

One thread, asleep while nobody asks. It alone encodes and sends, so that a viewer costs the
scoring loop one append per window, and a slow viewer nothing more.
"""

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.daemon.commands.bus import Origin, Respond
from edge_agent.daemon.commands.requests import Answer, AnyCommand
from edge_agent.daemon.config.settings import Metrics
from edge_agent.daemon.local.listen import BACKLOG, accepted, listen_locally
from edge_agent.daemon.local.lookout import Lookout
from edge_agent.daemon.local.messages import (
    SOCKET_NAME,
    Answered,
    AssetSeen,
    Refused,
    Request,
    Said,
    WindowsLost,
)
from edge_agent.daemon.local.seen import asset_seen, window_seen
from edge_agent.daemon.local.viewer import Viewer, ViewerGone, user_of
from edge_agent.daemon.report import AgentReport

if TYPE_CHECKING:
    from edge_agent.daemon.local.metrics_page import MetricsPage

_log = logging.getLogger(__name__)

VIEWERS_MAX = 16
_LOOK_S = 1.0  # so often are changes of the assets' states looked for while somebody taps


class LocalDoor:
    """Listens; what it cannot listen on is said in the log and costs nothing else."""

    def __init__(
        self,
        folder: Path,
        metrics: Metrics,
        lookout: Lookout,
        report: Callable[[], AgentReport],
        submit: Callable[[AnyCommand, Origin, Respond], None],
    ) -> None:
        """Prepare; nothing listens before ``start``.

        Args:
            folder: for the socket.
            metrics: where Prometheus may ask.
            lookout: what the scoring loop shows.
            report: how the agent is now; called on this door's thread.
            submit: takes commands; see Bus.
        """
        self._folder = folder
        self._metrics = metrics
        self._lookout = lookout
        self._report = report
        self._submit = submit
        self._answers: deque[tuple[Viewer, Answer]] = deque()
        self._page: MetricsPage | None = None
        self._viewers: dict[int, Viewer] = {}
        self._known: dict[str, AssetSeen] = {}
        self._lost = 0
        self._look_due_s = 0.0
        self._stopping = False
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_fd, selectors.EVENT_READ, self._woken)
        self._listeners: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, name="local", daemon=True)
        self.metrics_url: str | None = None
        self.socket_path: str | None = None

    def start(self) -> None:
        """Begin to listen."""
        lookout = self._lookout
        lookout.wake = self._wake
        path = self._folder / SOCKET_NAME
        try:
            self._listen(listen_locally(path), self._on_viewer)
            self.socket_path = str(path)
        except OSError as error:
            _log.warning("no tap, no record and no commands: %s: %s", path, error.strerror)
        if self._metrics.enabled:
            self._listen_for_scrapes()
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Hang up on everybody."""
        if self._thread.ident is None or self._stopping:
            return
        self._stopping = True
        self._wake()
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._lookout.wake = lambda: None
            os.close(self._wake_fd)

    def _wake(self) -> None:
        os.eventfd_write(self._wake_fd, 1)

    def _listen(
        self, listener: socket.socket, on_connection: Callable[[socket.socket], None]
    ) -> None:
        listener.settimeout(0.0)
        self._listeners.append(listener)
        self._selector.register(listener, selectors.EVENT_READ, lambda: on_connection(listener))

    def _listen_for_scrapes(self) -> None:
        host, port = self._metrics.host_and_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            _log.warning("no metrics: %s: %s", self._metrics.listen, error.strerror or error)
            return
        self._listen(listener, self._on_scrape)
        at, given_port = listener.getsockname()[:2]
        shown = f"[{at}]" if ":" in at else at
        self.metrics_url = f"http://{shown}:{given_port}/metrics"

    def _run(self) -> None:
        try:
            while not self._stopping:
                wait_s = _LOOK_S if self._lookout.tapped else None
                for key, events in self._selector.select(wait_s):
                    try:
                        self._serve(key.data, events)
                    except Exception:  # noqa: BLE001 - whoever looks in must not be able to stop the scoring
                        _log.exception("somebody who looked in was not answered")
                if self._lookout.tapped and time.monotonic() >= self._look_due_s:
                    self._look_due_s = time.monotonic() + _LOOK_S
                    self._show_states()
        finally:
            self._close()

    def _serve(self, data: "Viewer | Callable[[], None]", events: int) -> None:
        if not isinstance(data, Viewer):
            data()
            return
        try:
            if events & selectors.EVENT_READ and data.request is None:
                request = data.hear()
                if request is not None:
                    self._begin(data, request)
            elif events & selectors.EVENT_READ:
                data.hear()
            self._write(data)
        except ViewerGone:
            self._leave(data)

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        while (seen := self._lookout.take_window()) is not None:
            self._say(seen[0], window_seen(*seen))
        lost = self._lookout.windows_lost
        if lost > self._lost:
            self._say(None, WindowsLost(windows=lost - self._lost))
            self._lost = lost
        while self._answers:
            viewer, answer = self._answers.popleft()
            viewer.say(Answered(answer=answer))
            viewer.end()
            self._write_or_leave(viewer)
        while (shown := self._lookout.take_block()) is not None:
            asset, block, period_s = shown
            for viewer in self._wanting("blocks", asset):
                viewer.show(block, period_s)
                self._write_or_leave(viewer)

    def _say(self, asset: str | None, said: Said) -> None:
        for viewer in self._wanting("windows", asset):
            viewer.say(said)
            self._write_or_leave(viewer)

    def _wanting(self, want: str, asset: str | None) -> list[Viewer]:
        return [
            viewer
            for viewer in self._viewers.values()
            if viewer.request is not None
            and viewer.request.want == want
            and (asset is None or viewer.request.asset in {None, asset})
        ]

    def _write_or_leave(self, viewer: Viewer) -> None:
        if self._viewers.get(viewer.connection.fileno()) is not viewer:
            return  # it did not wait for its answer
        try:
            self._write(viewer)
        except ViewerGone:
            self._leave(viewer)

    def _write(self, viewer: Viewer) -> None:
        viewer.write()
        writing = selectors.EVENT_WRITE if viewer.wants_to_write else 0
        self._selector.modify(viewer.connection, selectors.EVENT_READ | writing, viewer)

    def _on_viewer(self, listener: socket.socket) -> None:
        connection = accepted(listener)
        if connection is None:
            return
        if len(self._viewers) >= VIEWERS_MAX or user_of(connection) not in {0, os.geteuid()}:
            connection.close()
            return
        viewer = Viewer(connection)
        self._viewers[connection.fileno()] = viewer
        self._selector.register(connection, selectors.EVENT_READ, viewer)

    def _command(self, viewer: Viewer, command: AnyCommand) -> None:
        def respond(answer: Answer) -> None:
            self._answers.append((viewer, answer))
            if not self._stopping:
                self._wake()

        self._submit(command, Origin("local", user_of(viewer.connection)), respond)

    def _begin(self, viewer: Viewer, request: Request) -> None:
        if request.command is not None:
            self._command(viewer, request.command)
            return
        assets = {asset.name: asset for asset in self._report().assets}
        wanted = list(assets) if request.asset is None else [request.asset]
        unknown = [name for name in wanted if name not in assets]
        if unknown or (request.want == "blocks" and request.asset is None):
            viewer.say(Refused(reason=f"no asset {request.asset}; there are {', '.join(assets)}"))
            viewer.end()
        elif request.want == "windows":
            for name in wanted:
                viewer.say(asset_seen(assets[name]))
        self._note_wants()

    def _leave(self, viewer: Viewer) -> None:
        if self._viewers.pop(viewer.connection.fileno(), None) is not None:
            self._selector.unregister(viewer.connection)
            viewer.connection.close()
            self._note_wants()

    def _note_wants(self) -> None:
        requests = [v.request for v in self._viewers.values() if v.request is not None]
        self._lookout.recorded = frozenset(
            request.asset for request in requests if request.want == "blocks" and request.asset
        )
        tapped = any(request.want == "windows" for request in requests)
        if tapped and not self._lookout.tapped:
            self._known = {asset.name: asset_seen(asset) for asset in self._report().assets}
        self._lookout.tapped = tapped

    def _show_states(self) -> None:
        for asset in self._report().assets:
            seen = asset_seen(asset)
            known = self._known.get(asset.name)
            if known is None or (seen.state, seen.reason) != (known.state, known.reason):
                self._known[asset.name] = seen
                self._say(asset.name, seen)

    def _on_scrape(self, listener: socket.socket) -> None:
        connection = accepted(listener)
        if connection is None:
            return
        if self._page is None:
            from edge_agent.daemon.local.metrics_page import MetricsPage

            began_s = time.monotonic()
            self._page = MetricsPage(self._report)
            _log.debug("metrics: ready in %.0f ms", 1e3 * (time.monotonic() - began_s))
        self._page.answer(connection, None)

    def _close(self) -> None:
        self._lookout.tapped, self._lookout.recorded = False, frozenset()
        for viewer in self._viewers.values():
            viewer.connection.close()
        for listener in self._listeners:
            listener.close()
        if self.socket_path is not None:
            Path(self.socket_path).unlink(missing_ok=True)
        self._selector.close()
