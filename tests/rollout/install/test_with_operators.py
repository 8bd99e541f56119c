"""Gateways beside the operators' own repository: what one side signs, the other one takes."""

from pathlib import Path

import pytest
from fitted import GATEWAY, LINE, Gateway, enrol, wanted
from forge import Forge, in_days
from operators import home_in, repository_in

from edge_agent.rollout.envelope import seal
from edge_agent.rollout.install.by_hand import install
from edge_agent.rollout.install.orders import ByHand, Outcome
from edge_agent.rollout.messages import DESIRE_TYPE, Desire, Order, Terms
from edge_agent.rollout.repository.export import export
from edge_agent.rollout.repository.repository import Repository


class Side:
    """A gateway that looks into what an operator exports."""

    def __init__(self, folder: Path) -> None:
        self.home = home_in(folder / "operator")
        self.repository.init()
        member = enrol(folder / "gateway/enrolment", self.repository.roles.root_bytes())
        self.gateway = Gateway(folder / "gateway", Forge(), member)
        self.stick = folder / "stick"
        self.counter = 0

    @property
    def repository(self) -> Repository:
        return repository_in(self.home)

    def publish(self, bundle: bytes) -> None:
        file = self.home.folder / "new.edgemodel"
        file.write_bytes(bundle)
        self.repository.publish(file)

    def want(self, bundle: bytes, terms: Terms | None = None) -> Outcome:
        export(self.home, self.stick)
        self.counter += 1
        generation = self.repository.operators().generation
        desire = Desire(
            gateway=GATEWAY,
            order=Order(generation=generation, epoch=0, counter=self.counter),
            issued=in_days(0),
            expires=in_days(1),
            models=(wanted(bundle),),
            terms=terms or Terms(),
        )
        envelope = seal(desire, DESIRE_TYPE, self.repository.online_signers())
        return self.gateway.prepare(envelope, folder=str(self.stick))


@pytest.fixture
def side(tmp_path: Path) -> Side:
    return Side(tmp_path)


def test_what_operators_publish_and_order_is_staged(side: Side, old: bytes) -> None:
    side.publish(old)
    outcome = side.want(old)
    assert (outcome.state, outcome.reason) == ("staged", None)
    assert side.gateway.lines.model_file(LINE, outcome.staged[LINE]).read_bytes() == old


def test_what_operators_unpublish_is_not_taken(side: Side, old: bytes) -> None:
    side.publish(old)
    side.repository.unpublish("test-bearing", "1.0.0")
    outcome = side.want(old)
    assert "is not among the targets" in str(outcome.reason)


@pytest.mark.parametrize("key", ["online", "root-1"])
def test_a_replaced_key_is_followed(side: Side, old: bytes, new: bytes, key: str) -> None:
    side.publish(old)
    side.publish(new)
    assert side.want(old).state == "staged"
    side.repository.rotate(key)
    outcome = side.want(new)
    assert (outcome.state, outcome.reason) == ("staged", None)


def test_what_operators_export_is_installed_by_hand(side: Side, old: bytes) -> None:
    side.publish(old)
    export(side.home, side.stick)
    placing = install(
        ByHand(
            gateway=GATEWAY,
            enrolment=str(side.gateway.home / "enrolment"),
            state_dir=str(side.gateway.state_dir),
            path=str(side.stick),
            assets=(side.gateway.asset,),
        )
    )
    assert (placing.refused, placing.version) == (None, "1.0.0")
