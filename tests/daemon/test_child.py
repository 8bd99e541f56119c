import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.daemon.child import outcome_of
from edge_agent.rollout.install.orders import Sign, Signed
from edge_agent.rollout.messages import Report


def test_nothing_that_lies_in_the_current_folder_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when root installs from a stick, and has gone to its folder before."""
    (tmp_path / "msgspec.py").write_text('raise SystemExit("code from the stick")')
    monkeypatch.chdir(tmp_path)
    named = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path]
    monkeypatch.setenv("PYTHONPATH", ":".join(named))  # an empty one would be the current folder
    now = datetime.now(UTC)
    report = Report(
        gateway="gw-1", number=0, session="s", at=now, time_quality="unknown", state="idle"
    )
    order = Sign(gateway="gw-1", enrolment=str(tmp_path), report=report)
    signed = outcome_of("edge_agent.rollout.install.sign", order, Signed, 60.0)
    assert "enrolment.json: no enrolment" in str(signed.refused)
