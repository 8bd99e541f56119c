from fitted import LINE, Gateway, wanted

from edge_agent.rollout.messages import Order


def test_a_first_model_is_staged_and_used_by_nobody_yet(gateway: Gateway, old: bytes) -> None:
    gateway.publish(old)
    outcome = gateway.prepare(gateway.forge.seal(gateway.desire(old)))
    assert (outcome.state, outcome.reason) == ("staged", None)
    folder = outcome.staged[LINE]
    assert gateway.lines.model_file(LINE, folder).read_bytes() == old
    assert gateway.lines.current(LINE) is None
    assert [said.state for said in gateway.said] == ["downloading", "verifying"]
    reports = [*map(gateway.report, gateway.said), gateway.report(outcome)]
    assert [report.state for report in reports] == ["downloading", "verifying", "staged"]
    assert [report.number - reports[0].number for report in reports] == [0, 1, 2]
    order = Order(generation=1, epoch=1, counter=1)
    assert {report.answers for report in reports} == {order}
    assert wanted(old).sha256[:8] in folder
