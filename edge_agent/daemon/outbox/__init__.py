"""Store and forward between scoring and MQTT; see docs/decisions/0017.

The scoring loop puts one entry per window into the ``Outbox``. The ``Store``, a thread of its own
and the only one that writes the database, commits what has come in together with the ledger, and
only then may the MQTT thread take it. What cannot be sent at once waits on the disk, not in memory.
"""

from edge_agent.daemon.outbox.entry import Entry, Mark, Outgoing, late
from edge_agent.daemon.outbox.outbox import Outbox
from edge_agent.daemon.outbox.store import Store

__all__ = ["Entry", "Mark", "Outbox", "Outgoing", "Store", "late"]
