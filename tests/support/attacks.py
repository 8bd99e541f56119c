"""What a gateway makes of what an attacker lets it have."""

from fitted import LINE, Gateway

from edge_agent.rollout.install.orders import Outcome


def refused(gateway: Gateway, outcome: Outcome, old: bytes, *why: str) -> None:
    """The reason is reported, nothing is placed, and what runs is what ran."""
    report = gateway.report(outcome)
    said = " ".join((report.reason or "", *report.warnings))
    for words in why:
        assert words in said
    assert outcome.state in ("failed", "rejected", None)
    assert outcome.staged == {}
    link = gateway.state_dir / "models" / LINE / "current"
    assert str(link.readlink()) == gateway.lines.current(LINE)
    assert gateway.lines.model_file(LINE).read_bytes() == old
    assert list(gateway.lines.installed(LINE)) == [gateway.lines.current(LINE)]


def asked(gateway: Gateway, *bundles: bytes) -> Outcome:
    """What comes of the operators' own desire for ``bundles``."""
    return gateway.prepare(gateway.forge.seal(gateway.desire(*bundles)))
