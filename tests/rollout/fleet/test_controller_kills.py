"""A controller that is killed before and after everything that it does."""

import os
from pathlib import Path

import pytest
from gateways import (
    RESUME,
    Hall,
    prove,
    run,
)

from benchmarks.fleet.memory_broker import MemoryBroker, MemoryClient
from edge_agent.rollout.envelope import unseal
from edge_agent.rollout.messages import DESIRE_TYPE, Desire, Order


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Kills at the n-th thing that reaches the disk or the broker, and then no more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.at = at
        self.count = 0
        fsync, publish = os.fsync, MemoryClient.publish

        def dying_fsync(descriptor: int) -> None:
            self.tick()
            fsync(descriptor)

        def dying_publish(client: MemoryClient, topic: str, payload: bytes, **how: bool) -> None:
            mine = client.mine
            if mine:
                self.tick()
            publish(client, topic, payload, **how)
            if mine:
                self.tick()

        monkeypatch.setattr(os, "fsync", dying_fsync)
        monkeypatch.setattr(MemoryClient, "publish", dying_publish)

    def tick(self) -> None:
        self.count += 1
        if self.count == self.at:
            raise Killed


@pytest.mark.system
def test_killed_at_every_step_it_goes_on_with_the_same_numbers(
    prepared: Hall, tmp_path: Path
) -> None:
    at, killed = 0, True
    while killed:
        at += 1
        hall, broker = prepared.copied(tmp_path / str(at)), MemoryBroker()
        speakers = hall.speakers(broker, prove)
        numbers = Numbers(hall)
        broker.client().subscribe(hall.desk.topics.desired("+"), numbers.note)
        rollout = hall.start(waves=((1, False), (100, True)))
        killed = killed_at(hall, broker, rollout, at)
        outcome, progress = run(hall.another_desk(), broker.client(), rollout, RESUME)
        assert (outcome, progress.succeeded) == ("ended", True), at
        for speaker in speakers.values():
            orders = [desire.order for desire in speaker.desires]
            assert orders == sorted(set(orders)), at
        assert not broker.retained.keys() & {
            hall.desk.topics.rollout_part(rollout, n) for n in range(3)
        }
    assert at > 40


class Numbers:
    """One number never stands for two desires."""

    def __init__(self, hall: Hall) -> None:
        self._keys = hall.desk.keys
        self._said: dict[tuple[str, Order], Desire] = {}

    def note(self, _topic: str, payload: bytes) -> None:
        desire = unseal(payload, DESIRE_TYPE, Desire, self._keys)
        assert self._said.setdefault((desire.gateway, desire.order), desire) == desire


def killed_at(hall: Hall, broker: MemoryBroker, rollout: str, at: int) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        client = broker.client()
        broker.clients[-1].mine = True
        killer = Killer(patch, at)
        try:
            run(hall.desk, client, rollout)
        except Killed:
            broker.clients.pop()
            return True
    assert killer.count < at
    return False
