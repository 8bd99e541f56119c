from collections.abc import Callable
from typing import Any

from edge_agent.daemon.ledger import violations
from edge_agent.daemon.topics import Kind

MakeRig = Callable[..., Any]


def test_the_most_important_goes_first_and_the_oldest_of_a_kind(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.outbox.connection_began()
    kinds: list[Kind] = ["features", "score", "anomaly", "score"]
    for seq, kind in enumerate(kinds):
        rig.put(kind, seq)
    assert rig.sent() == [2, 1, 3, 0]
    assert violations(rig.store.ledger.snapshot()) == []
