"""``make torture`` in its short form: the same scenarios with small numbers."""

from pathlib import Path

import pytest

from benchmarks.broker import NoBrokerError
from benchmarks.torture.__main__ import SCENARIOS
from benchmarks.torture.scenario import NotRunError, Scale
from benchmarks.torture.table import table

pytestmark = pytest.mark.system


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.timeout(1800)
def test_the_agent_withstands(name: str, tmp_path: Path) -> None:
    if name == "fuzz":  # what edge-trainer collect takes is among it
        pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
    try:
        outcome = SCENARIOS[name].run(Scale(0.0), tmp_path)
    except (NotRunError, NoBrokerError) as reason:
        pytest.skip(str(reason))
    assert outcome.checks
    failed = [check for check in outcome.checks if check.passed is False and not check.timed]
    assert not failed, table(outcome.checks)
