"""Answers one scrape; imported with the first one, so that an agent nobody scrapes pays nothing."""

import socket
from collections.abc import Callable

from prometheus_client import MetricsHandler

from edge_agent.daemon.local.metrics import registry_of
from edge_agent.daemon.report import AgentReport

_PATIENCE_S = 2.0  # with a client that connects and does not ask, or does not read


class MetricsPage:
    """What HTTP clients see."""

    def __init__(self, report: Callable[[], AgentReport]) -> None:
        """Make each answer from a new ``report``."""
        self._handler = MetricsHandler.factory(registry_of(report))

    def answer(self, connection: socket.socket, address: object) -> None:
        """Read the request from ``connection`` and answer it; a client that goes is no error."""
        connection.settimeout(_PATIENCE_S)
        with connection:
            try:
                self._handler(connection, address, None)
            except OSError:
                return
