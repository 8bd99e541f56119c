import base64
import json
from typing import Any

import msgspec
import pytest
from fitted import GATEWAY
from forge import Forge, in_days
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope

from edge_agent.rollout.install.accept import (
    DisbeliefError,
    UnacceptableError,
    accept,
    believe,
)
from edge_agent.rollout.install.place import Placed
from edge_agent.rollout.messages import (
    DESIRE_TYPE,
    Desire,
    Operators,
    Order,
    Terms,
    WantedModel,
)

SHA256 = "a" * 64


def model(version: str = "1.4.0", line: str = "press", name: str = "bearing") -> WantedModel:
    return WantedModel(
        line=line, name=name, version=version, sha256=SHA256, length=5, target="somewhere"
    )


def placed(version: str, name: str = "bearing") -> Placed:
    return Placed(name=name, version=version, sha256=SHA256, length=5)


def desire(*models: WantedModel, **changes: Any) -> Desire:
    wanted = Desire(
        gateway=GATEWAY,
        order=Order(generation=1, epoch=2, counter=3),
        issued=in_days(0),
        expires=in_days(1),
        models=models or (model(),),
    )
    return msgspec.structs.replace(wanted, **changes)


def check(wanted: Desire, running: str | None = None, **changes: Any) -> None:
    lines = {"press": None if running is None else placed(running)}
    floors = changes.pop("floors", {})
    now, begun = changes.pop("now", in_days(0)), changes.pop("begun", False)
    accept(wanted, now, {"press", "saw"}, lines, floors, begun=begun)


def test_a_higher_version_and_the_same_one_may_be_taken() -> None:
    check(desire())
    check(desire(), running="1.3.9")
    check(desire(), running="1.4.0-rc.1")
    check(desire(), running="1.4.0")


def test_a_lower_version_is_taken_where_the_operator_allows_it() -> None:
    with pytest.raises(UnacceptableError, match=r"version 1\.4\.0 below 1\.10\.0, which runs"):
        check(desire(), running="1.10.0")
    check(desire(terms=Terms(allow_downgrade=True)), running="1.10.0")


def test_versions_of_other_bundles_cannot_be_compared() -> None:
    check(desire(model("0.1.0", name="press-after-overhaul")), running="1.4.0")


def test_below_the_floor_nothing_is_taken_whoever_allows_it() -> None:
    wanted = desire(terms=Terms(allow_downgrade=True))
    with pytest.raises(UnacceptableError, match=r"version 1\.4\.0, allowed: 1\.5\.0 or higher"):
        check(wanted, floors={"press": "1.5.0"})
    check(wanted, floors={"press": "1.4.0", "saw": "9.0.0"})


def test_what_has_expired_is_not_begun_but_gone_on_with() -> None:
    with pytest.raises(UnacceptableError, match="expired"):
        check(desire(), now=in_days(2))
    check(desire(), now=in_days(2), begun=True)


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ((model(line="lathe"),), "line lathe: followed by no asset, allowed: press, saw"),
        ((model(line=".."),), r"line \.\.: followed by no asset"),
        ((model(), model("1.5.0")), "line press: wanted twice"),
        ((msgspec.structs.replace(model(), length=10**9),), "1000000000 bytes, allowed: 50331648"),
        ((model("../../etc"),), "version is"),
        ((model("1.4"),), "version is '1.4', allowed: SemVer"),
        ((model(f"1.{'9' * 5000}.0"),), "version has 5004 characters, allowed: 80 at most"),
        ((model(f"1.0.0-{'9' * 5000}"),), "version has 5006 characters, allowed: 80 at most"),
    ],
)
def test_what_makes_no_sense_is_refused(models: tuple[WantedModel, ...], why: str) -> None:
    with pytest.raises(UnacceptableError, match=why):
        check(desire(*models))


def test_a_gateway_without_lines_can_be_told_nothing_but_settings() -> None:
    accept(desire(models=()), in_days(0), set(), {}, {}, begun=False)
    with pytest.raises(UnacceptableError, match="none, as no asset follows a line"):
        accept(desire(), in_days(0), set(), {}, {}, begun=False)


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


def operators(forge: Forge, **changes: Any) -> Operators:
    key = forge.online.public_key
    said = Operators(generation=1, threshold=1, keys={key.keyid: key.to_dict()})
    return msgspec.structs.replace(said, **changes)


def test_the_same_desire_may_come_again_and_another_of_its_order_may_not(forge: Forge) -> None:
    wanted = desire()
    envelope, whose = forge.seal(wanted), operators(forge)
    assert believe(envelope, whose, GATEWAY, None, None) == wanted
    assert believe(envelope, whose, GATEWAY, wanted.order, wanted) == wanted
    other = desire(model("1.5.0"))
    with pytest.raises(DisbeliefError, match=r"order 1\.2\.3, allowed: newer than order 1\.2\.3"):
        believe(envelope, whose, GATEWAY, wanted.order, other)


@pytest.mark.parametrize(
    "order",
    [
        Order(generation=1, epoch=3, counter=0),
        Order(generation=1, epoch=2, counter=4),
    ],
)
def test_a_controller_that_took_over_goes_before_whatever_the_other_has_counted_to(
    forge: Forge, order: Order
) -> None:
    envelope = forge.seal(desire(order=order))
    newest = Order(generation=1, epoch=2, counter=3)
    assert believe(envelope, operators(forge), GATEWAY, newest, None).order == order


@pytest.mark.parametrize("generation", [0, 2])
def test_a_desire_of_another_generation_of_keys_is_refused(forge: Forge, generation: int) -> None:
    order = Order(generation=generation, epoch=2, counter=3)
    with pytest.raises(DisbeliefError, match=f"generation {generation}, allowed: 1"):
        believe(forge.seal(desire(order=order)), operators(forge), GATEWAY, None, None)


@pytest.mark.parametrize("envelope", [b"", b"{}", b"\xff", b"[]", b"x" * 70_000])
def test_what_is_no_envelope_is_refused(forge: Forge, envelope: bytes) -> None:
    with pytest.raises(DisbeliefError, match="desire refused"):
        believe(envelope, operators(forge), GATEWAY, None, None)


def test_keys_that_are_none_are_refused(forge: Forge) -> None:
    broken = operators(forge, keys={"a": {"keytype": "ed25519"}})
    with pytest.raises(DisbeliefError, match="no public key"):
        believe(forge.seal(desire()), broken, GATEWAY, None, None)


FORGE = Forge()
KEYID = FORGE.online.public_key.keyid
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("payload", "payloadType", "signatures", "keyid", "sig", "x")), inner
        )
    ),
    max_leaves=8,
)


@given(st.binary(max_size=200) | JSON.map(lambda said: json.dumps(said).encode()))
def test_whatever_comes_is_refused_in_words(envelope: bytes) -> None:
    with pytest.raises(DisbeliefError, match="desire refused"):
        believe(envelope, Operators(generation=1, threshold=1, keys={}), GATEWAY, None, None)


@given(
    payload=st.binary(max_size=50),
    signatures=JSON
    | st.lists(
        st.fixed_dictionaries({"keyid": st.just(KEYID) | st.text(), "sig": JSON | st.text("0af")})
    ),
)
def test_whatever_was_signed_is_refused_in_words(payload: bytes, signatures: object) -> None:
    sealed = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": DESIRE_TYPE,
        "signatures": signatures,
    }
    with pytest.raises(DisbeliefError, match="desire refused"):
        believe(json.dumps(sealed).encode(), operators(FORGE), GATEWAY, None, None)


@given(payload=st.binary(max_size=50) | JSON.map(lambda said: json.dumps(said).encode()))
def test_whatever_the_operators_sign_by_mistake_is_refused_in_words(payload: bytes) -> None:
    envelope = Envelope(payload, DESIRE_TYPE, {})
    envelope.sign(FORGE.online)
    sealed = json.dumps(envelope.to_dict()).encode()
    with pytest.raises(DisbeliefError, match="desire refused: no desire"):
        believe(sealed, operators(FORGE), GATEWAY, None, None)
