"""Notices that a certificate, a key or the password file was replaced, as renewal does."""

import logging
import time
from collections.abc import Callable

from edge_agent.daemon.config.settings import Mqtt
from edge_agent.daemon.mqtt.credentials import (
    CredentialError,
    Credentials,
    read_credentials,
    signature,
)

_log = logging.getLogger(__name__)

INTERVAL_S = 30.0


class CredentialWatch:
    """Looks at the files now and then, and connects anew when they have become others.

    Attributes:
        credentials: what they held when they were read last.
    """

    def __init__(
        self,
        mqtt: Mqtt,
        credentials: Credentials,
        use: Callable[[Mqtt, str | None], None],
    ) -> None:
        """Watch the files of ``mqtt``.

        Args:
            mqtt: names them.
            credentials: what they held when they were read last.
            use: connects anew, with a password.
        """
        self._mqtt = mqtt
        self.credentials = credentials
        self._use = use
        self._seen = signature(mqtt)
        self._due_s = time.monotonic() + INTERVAL_S

    def is_due(self, now_s: float) -> bool:
        """Say whether it is time to ``look``; ``now_s`` is monotonic."""
        if now_s < self._due_s:
            return False
        self._due_s = now_s + INTERVAL_S
        return True

    def look(self) -> None:
        """Read files that may have changed.

        A certificate that does not fit its key, as between two steps of a renewal, is left alone
        until it does: the connection that stands is better than none.
        """
        seen = signature(self._mqtt)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            found = read_credentials(self._mqtt)
        except CredentialError as error:
            _log.warning("new credentials cannot be used: %s: found %s", error.key, error.found)
            return
        if found != self.credentials:
            self.credentials = found
            _log.info("credentials were replaced: connecting anew")
            self._use(self._mqtt, found.password)
