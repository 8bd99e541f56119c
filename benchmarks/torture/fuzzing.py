"""A hundred thousand damaged inputs for each part that reads what others wrote."""

from pathlib import Path

from benchmarks.torture.fuzz.drive import drive
from benchmarks.torture.scenario import Outcome, Scale

SEED = 20260101
_FULL, _SHORT = 100_000, 500
# An input that takes a connection, or a process, is as dear as a hundred others.
_DEAR = {"broker": 100}
_NAMED = 3


class Fuzzing:
    """Every target with inputs of its own."""

    name = "fuzz"

    def run(self, scale: Scale, folder: Path) -> Outcome:
        """Feed each target in turn."""
        outcome = Outcome()
        for target in ("configuration", "incoming", "bundles", "recordings", "broker"):
            inputs = scale.of(_FULL, _SHORT) // _DEAR.get(target, 1)
            fed = drive(target, inputs, SEED, folder / target)
            found = "; ".join(
                f"input {defect.number}: {defect.what} ({defect.where})"
                for defect in fed.defects[:_NAMED]
            )
            outcome.add(
                f"fuzz: {target}",
                f"{inputs} damaged inputs taken or refused in words",
                f"{fed.taken} taken, {fed.refused} refused, {len(fed.defects)} defects"
                + (f": {found}" if found else ""),
                passed=not fed.defects,
            )
        return outcome
