import msgspec
from fitted import GATEWAY, Gateway
from forge import in_days

from edge_agent.rollout.envelope import unseal
from edge_agent.rollout.install.orders import Sign
from edge_agent.rollout.install.sign import sign
from edge_agent.rollout.messages import REPORT_TYPE, Report


def order(gateway: Gateway) -> Sign:
    report = Report(
        gateway=GATEWAY,
        number=7,
        session="s-1",
        at=in_days(0),
        time_quality="unknown",
        state="rolled_back",
        reason="trial bad: press-1: alarms",
    )
    return Sign(gateway=GATEWAY, enrolment=str(gateway.home / "enrolment"), report=report)


def test_a_report_is_signed_with_the_key_of_the_enrolment(gateway: Gateway) -> None:
    asked = order(gateway)
    signed = sign(asked)
    assert signed.report is not None
    keys = [gateway.member.key()]
    assert unseal(signed.report, REPORT_TYPE, Report, keys) == asked.report


def test_a_key_that_is_none_or_of_somebody_else_signs_nothing(gateway: Gateway) -> None:
    file = gateway.home / "enrolment" / "gateway.pem"
    whole = file.read_bytes()
    for content in (b"", whole[:50], b"\xff" * 100):
        file.write_bytes(content)
        signed = sign(order(gateway))
        assert signed.report is None
        assert f"{file}: no private key of ours" in str(signed.refused)


def test_nothing_is_signed_for_another_gateway(gateway: Gateway) -> None:
    other = msgspec.structs.replace(order(gateway), gateway="gw-2")
    assert "enrolment of gw-1, allowed: of gw-2" in str(sign(other).refused)
