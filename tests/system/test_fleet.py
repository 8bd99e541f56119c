"""Rollouts with a real broker, real signatures and gateways that only speak."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from brokers import Mosquitto
from fitted import renamed
from gateways import Hall, prove

from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.drive import drive
from edge_agent.rollout.fleet.kept import Wish
from edge_agent.rollout.fleet.plan import parse_limit
from edge_agent.rollout.fleet.record import Outcome
from edge_agent.rollout.fleet.start import Asked, start
from edge_agent.rollout.fleet.states import Progress
from edge_agent.rollout.messages import Terms

pytestmark = pytest.mark.system

MODEL = "test-bearing"


@pytest.fixture
def hall(tmp_path: Path, mosquitto: Mosquitto, plain_bundle: bytes) -> Hall:
    bundles = [renamed(plain_bundle, version) for version in ("1.0.0", "1.1.0")]
    return Hall(tmp_path / "home", mosquitto.port, bundles, 4)


def begin(desk: Desk, version: str = "1.1.0", **changed: object) -> str:
    asked = Asked(
        model=f"{MODEL}@{version}",
        line=None,
        to=("all",),
        waves=((1, False), (100, True)),
        limits=(parse_limit("failed>50%"),),
        rate_per_min=60_000.0,
        terms=Terms(timeout_s=600.0, hold_s=5.0),
        settings=None,
        by="tester",
    )
    import dataclasses

    return start(desk, dataclasses.replace(asked, **changed), datetime.now(UTC)).plan.rollout


def run(desk: Desk, rollout: str, wish: Wish | None = None) -> tuple[Outcome, Progress]:
    return drive(desk, rollout, lambda _progress: None, threading.Event(), wish=wish)


def test_a_rollout_ends_when_every_gateway_has_proved_itself(hall: Hall) -> None:
    with hall.speaking(prove) as speakers:
        outcome, progress = run(hall.desk, begin(hall.desk))
    assert outcome == "ended"
    assert progress.succeeded
    assert all(len(speaker.desires) == 1 for speaker in speakers.values())
    assert [entry.action for entry in hall.desk.home.journal.entries()][-1] == "end"
