"""Attacks on reports: a rollout waits for the truth, and names who was refused."""

import msgspec
import pytest
from gateways import Behaviour, Hall, Speaker, Voice, prove, run
from securesystemslib.signer import CryptoSigner

from benchmarks.fleet.memory_broker import MemoryBroker
from edge_agent.rollout.envelope import seal
from edge_agent.rollout.messages import Desire, Terms


def lying(kind: str, stranger: CryptoSigner, other: Voice) -> Behaviour:
    def do(speaker: Speaker, desire: Desire) -> None:
        voice = speaker.voice
        honest = voice.runs
        voice.runs = desire.models[0]
        proof = voice.report("active", desire.order, held_s=999.0)
        if kind == "forged":
            speaker.send(seal(proof, "application/vnd.edge-agent.report+json", [stranger]))
        elif kind == "another gateway's":
            speaker.send(other.seal(msgspec.structs.replace(proof, gateway=other.gateway)))
        elif kind == "replayed":
            speaker.say(msgspec.structs.replace(voice.report("rejected", desire.order), reason="n"))
            speaker.say(proof)
        elif kind == "for another order":
            newer = msgspec.structs.replace(desire.order, counter=desire.order.counter + 7)
            speaker.say(msgspec.structs.replace(proof, answers=newer))
        elif kind == "cloned":
            speaker.say(proof)
            speaker.say(msgspec.structs.replace(proof, session="twin"))
        voice.runs = honest

    return do


@pytest.mark.parametrize(
    ("kind", "state", "refused"),
    [
        ("forged", "timed_out", "forged"),
        ("another gateway's", "timed_out", "forged"),
        ("for another order", "timed_out", None),
        ("replayed", "failed", "replayed"),
        ("cloned", "failed", "cloned"),
    ],
)
def test_no_lie_is_counted_as_success(
    hall: Hall, broker: MemoryBroker, kind: str, state: str, refused: str | None
) -> None:
    lie = lying(kind, CryptoSigner.generate_ed25519(), hall.voices["gw-1"])
    hall.speakers(broker, prove, gw_2=lie)
    rollout = hall.start(terms=Terms(timeout_s=0.5, hold_s=0.1), waves=((100, True),))
    _, progress = run(hall.desk, broker.client(), rollout)
    assert not progress.succeeded
    assert progress.entries["gw-2"].state == state
    found = progress.refused.get("gw-2")
    assert (None if found is None else found.kind) == refused
    assert {e.state for name, e in progress.entries.items() if name != "gw-2"} == {"succeeded"}
