"""A rollout of ten gateways in three waves; a hall of four that speak."""

from pathlib import Path
from typing import Any

import pytest
from fitted import renamed
from gateways import NOW, Hall, MakePlan, wanted

from benchmarks.fleet.memory_broker import MemoryBroker
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


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, plain_bundle: bytes) -> Hall:
    """Making keys takes longer than copying a folder."""
    bundles = [renamed(plain_bundle, version) for version in ("1.0.0", "1.1.0")]
    return Hall(tmp_path_factory.mktemp("prepared") / "home", 1, bundles, 4)


@pytest.fixture
def hall(tmp_path: Path, prepared: Hall) -> Hall:
    return prepared.copied(tmp_path / "home")


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()
