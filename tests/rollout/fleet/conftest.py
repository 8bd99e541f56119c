"""A rollout of ten gateways in three waves."""

from typing import Any

import pytest
from gateways import NOW, MakePlan, wanted

from edge_agent.rollout.fleet.plan import Plan, divide, parse_limit
from edge_agent.rollout.messages import Terms


@pytest.fixture
def make_plan() -> MakePlan:
    """``make_plan(gateways=10, waves=..., **fields of Plan)``."""

    def make(gateways: int = 10, **changed: Any) -> Plan:
        names = [f"gw-{n}" for n in range(gateways)]
        fields: dict[str, Any] = {
            "rollout": "press-1.1.0",
            "created": NOW,
            "by": "tester",
            "to": ("all",),
            "models": (wanted("1.1.0"),),
            "settings": None,
            "terms": Terms(timeout_s=600.0, hold_s=60.0),
            "waves": divide(names, [(1, False), (50, True), (100, True)], "press-1.1.0"),
            "limits": (parse_limit("failed>20%"),),
            "rate_per_min": 60_000.0,
        }
        return Plan(**{**fields, **changed})

    return make
