"""The attacks of ``test_attacks``, on what says which models a gateway is to take."""

import json

import msgspec
from attacks import asked, refused
from fitted import LINE, Gateway, renamed, wanted
from securesystemslib.signer import CryptoSigner

from edge_agent.rollout.install.journal import Journal


def test_extraneous_dependencies_cannot_be_added_to_a_desire(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    envelope = json.loads(attacked.forge.seal(attacked.desire(new)))
    more = attacked.desire(new, models=(wanted(new), wanted(new, "saw")))
    forged = json.loads(attacked.forge.seal(more, [CryptoSigner.generate_ed25519()]))
    envelope["payload"] = forged["payload"]
    outcome = attacked.prepare(json.dumps(envelope).encode())
    refused(attacked, outcome, old, "desire refused: signed by")
    assert outcome.state is None


def test_only_what_a_desire_names_is_installed(
    attacked: Gateway, old: bytes, new: bytes, plain_bundle: bytes
) -> None:
    attacked.publish(renamed(plain_bundle, "9.9.9"))
    outcome = asked(attacked, new)
    assert outcome.state == "staged"
    installed = attacked.lines.installed(LINE)
    assert {placed.version for placed in installed.values()} == {"1.0.0", "1.1.0"}


def test_fast_forwarded_desires_lock_nobody_out_once_the_stolen_key_is_replaced(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    forge = attacked.forge
    attacked.counter = 2**53 - 2
    assert asked(attacked, old).state == "staged"  # what runs already
    attacked.counter = 5
    refused(attacked, asked(attacked, new), old, "order 0.1.6, allowed: newer than order 0.1.9007")
    greedy = attacked.desire(new)
    beyond = msgspec.structs.replace(greedy.order, generation=2**53 - 1)
    envelope = forge.seal(msgspec.structs.replace(greedy, order=beyond))
    refused(attacked, attacked.prepare(envelope), old, "generation 9007199254740991, allowed: 0")
    forge.change_online_key(CryptoSigner.generate_ed25519())
    forge.add_operators()
    forge.publish()
    assert asked(attacked, new).state == "staged"


def test_one_stolen_key_of_two_that_are_needed_orders_nothing(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    second = CryptoSigner.generate_ed25519()
    attacked.forge.add_operators(threshold=2, signers=[second])
    attacked.forge.publish()
    refused(attacked, asked(attacked, new), old, "desire refused: signed by", "allowed: 2 valid")
    envelope = attacked.forge.seal(attacked.desire(new), [attacked.forge.online, second])
    assert attacked.prepare(envelope).state == "staged"


def test_a_key_that_was_taken_back_orders_nothing(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    stolen = attacked.forge.online
    attacked.forge.change_online_key(CryptoSigner.generate_ed25519())
    attacked.forge.add_operators()
    attacked.forge.publish()
    envelope = attacked.forge.seal(attacked.desire(new), [stolen])
    refused(attacked, attacked.prepare(envelope), old, "desire refused: signed by")


def test_a_desire_for_another_gateway_is_refused(attacked: Gateway, old: bytes, new: bytes) -> None:
    envelope = attacked.forge.seal(attacked.desire(new, gateway="gw-2"))
    outcome = attacked.prepare(envelope)
    refused(attacked, outcome, old, "desire refused: for gw-2, allowed: gw-1")
    assert outcome.state is None


def test_a_replayed_desire_is_refused(attacked: Gateway, old: bytes, new: bytes) -> None:
    envelope = attacked.forge.seal(attacked.desire(new))
    newer = attacked.forge.seal(attacked.desire(old))
    assert attacked.prepare(newer).state == "staged"
    outcome = attacked.prepare(envelope)
    refused(attacked, outcome, old, "allowed: newer than order 0.1.3")
    standing = Journal(attacked.state_dir / "update").standing
    assert standing.order is not None
    assert standing.order.counter == 3


def test_a_report_that_refuses_a_forged_desire_says_what_the_update_was_at(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    """Anybody could send a forgery: it must not hide from the operators how it goes."""
    envelope = attacked.forge.seal(attacked.desire(new), [CryptoSigner.generate_ed25519()])
    outcome = attacked.prepare(envelope)
    assert attacked.report(outcome).state == "staged"
    assert "desire refused" in attacked.report(outcome).warnings[-1]
    assert Journal(attacked.state_dir / "update").standing.state == "staged"
