from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gateways import NOW, MakePlan, wanted
from msgspec import structs
from securesystemslib.signer import CryptoSigner

from edge_agent.rollout.envelope import unseal
from edge_agent.rollout.fleet.orders import Orders, OrdersError, desire_of
from edge_agent.rollout.fleet.states import Before, Entry
from edge_agent.rollout.messages import (
    DESIRE_TYPE,
    SPREAD_MAX_S,
    Desire,
    Order,
    RemoteSettings,
    Terms,
)

NUMBER = Order(generation=1, epoch=1, counter=7)


def test_a_number_is_used_once_whoever_asks(tmp_path: Path) -> None:
    one, other = (Orders(tmp_path / "orders.json", 3) for _ in range(2))
    taken = [*one.take(2), *other.take(1), *one.take(1)]
    assert taken == sorted(set(taken))
    assert {order.generation for order in taken} == {3}


def test_whoever_takes_over_is_newer_than_all_before(tmp_path: Path) -> None:
    orders = Orders(tmp_path / "orders.json", 1)
    (before,) = orders.take(1)
    assert orders.surpass([]) == 1
    assert orders.surpass([1, 5]) == 6
    assert orders.surpass([3]) == 6
    (after,) = orders.take(1)
    assert after > before
    assert after.epoch == 6


def test_a_damaged_file_is_no_beginning(tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    file.write_bytes(b"{")
    with pytest.raises(OrdersError):
        Orders(file, 1).take(1)


def test_the_desire_of_an_entry_is_the_same_bytes_each_time(make_plan: MakePlan) -> None:
    signer = CryptoSigner.generate_ed25519()
    entry = Entry(wave=0, state="ordered", order=NUMBER, issued=NOW)
    made = {desire_of(make_plan(), "gw-1", entry, (), [signer]) for _ in range(3)}
    assert len(made) == 1
    desire = unseal(made.pop(), DESIRE_TYPE, Desire, [signer.public_key])
    assert (desire.gateway, desire.order, desire.rollout) == ("gw-1", NUMBER, "press-1.1.0")
    assert desire.expires == NOW + timedelta(seconds=600.0)
    assert desire.models == (wanted("1.1.0"),)


def test_after_an_outage_a_wave_begins_no_quicker_than_the_rate(make_plan: MakePlan) -> None:
    signer = CryptoSigner.generate_ed25519()
    entry = Entry(wave=0, state="ordered", order=NUMBER, issued=NOW)

    def spread_s(gateways: int, **changed: Any) -> float:
        waves = (tuple(f"gw-{n}" for n in range(gateways)),)
        plan = structs.replace(make_plan(), waves=waves, rate_per_min=100.0, **changed)
        content = desire_of(plan, "gw-1", entry, (), [signer])
        return unseal(content, DESIRE_TYPE, Desire, [signer.public_key]).terms.spread_s

    assert spread_s(3) == pytest.approx(1.8)
    assert spread_s(1000, terms=Terms(timeout_s=7200.0)) == pytest.approx(600.0)
    assert spread_s(1000, terms=Terms(timeout_s=600.0)) == pytest.approx(150.0)
    assert spread_s(100_000, terms=Terms(timeout_s=86_400.0)) == SPREAD_MAX_S


def test_a_desire_to_stay_speaks_of_nothing(make_plan: MakePlan) -> None:
    signer = CryptoSigner.generate_ed25519()
    plan = make_plan(settings=RemoteSettings(publish_score=True))
    entry = Entry(wave=0, state="stopping", order=NUMBER, issued=NOW)
    content = desire_of(plan, "gw-1", entry, (), [signer])
    desire = unseal(content, DESIRE_TYPE, Desire, [signer.public_key])
    assert (desire.models, desire.settings) == ((), None)
    assert desire.terms.spread_s == 0.0


def test_a_desire_to_go_back_may_go_down_and_puts_the_settings_back(make_plan: MakePlan) -> None:
    signer = CryptoSigner.generate_ed25519()
    plan = make_plan(settings=RemoteSettings(publish_score=True))
    before = Before(settings=RemoteSettings(publish_features=True))
    entry = Entry(wave=0, state="taking_back", order=NUMBER, issued=NOW, before=before)
    content = desire_of(plan, "gw-1", entry, (wanted("1.0.0"),), [signer])
    desire = unseal(content, DESIRE_TYPE, Desire, [signer.public_key])
    assert desire.models == (wanted("1.0.0"),)
    assert desire.settings == before.settings
    terms = desire.terms
    assert (terms.allow_downgrade, terms.trial, terms.hold_s) == (True, False, 0.0)


def test_without_a_number_there_is_no_desire(make_plan: MakePlan) -> None:
    with pytest.raises(ValueError, match="gw-1"):
        desire_of(make_plan(), "gw-1", Entry(wave=0), (), [])
