"""A web server on a free port of this machine."""

import contextlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called there
        pass


@contextlib.contextmanager
def served(handler: Any) -> Iterator[str]:
    """Answer by ``handler`` meanwhile; yields the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def serving(folder: Path) -> contextlib.AbstractContextManager[str]:
    """Serve the files of ``folder`` meanwhile; yields the URL."""
    return served(partial(_Quiet, directory=str(folder)))
