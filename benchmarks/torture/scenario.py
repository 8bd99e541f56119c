"""What a scenario is, how long it goes on, and what it says afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec


class NotRunError(Exception):
    """The scenario cannot be run here; the message says what is missing."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    Attributes:
        name: of the scenario, and of the part of it.
        asked: what must hold.
        measured: what was found.
        passed: whether it holds; None where it could not be tried.
        timed: what was measured is time, which a busy machine makes longer: no matter for a test.
    """

    name: str
    asked: str
    measured: str
    passed: bool | None
    timed: bool = False


@dataclass(slots=True)
class Outcome:
    """What came of a scenario, in the order in which it was looked at."""

    checks: list[Check] = field(default_factory=list)

    def add(
        self, name: str, asked: str, measured: str, *, passed: bool, timed: bool = False
    ) -> None:
        """Add a line."""
        self.checks.append(
            Check(name=name, asked=asked, measured=measured, passed=passed, timed=timed)
        )

    @contextmanager
    def part(self, name: str, asked: str) -> Iterator[None]:
        """Let a part that cannot be tried, or that falls over, be a line of its own."""
        try:
            yield
        except NotRunError as reason:
            self.checks.append(
                Check(name=name, asked=asked, measured=f"not run: {reason}", passed=None)
            )
        except TortureError as error:
            self.add(name, asked, str(error), passed=False)


class TortureError(Exception):
    """The agent did something that makes going on pointless; the message says what."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of the full form is run.

    Attributes:
        share: of the full form; 0 is the short form, as small as still says something.
    """

    share: float = 1.0

    def of(self, full: float, short: int) -> int:
        """Return how many of something: at least ``short``."""
        return max(short, round(self.share * full))


class Scenario(Protocol):
    """One way to torture the agent."""

    name: str

    def run(self, scale: Scale, folder: Path) -> Outcome:
        """Do it, with files in ``folder``, and say what came of it.

        Raises:
            NotRunError: something it needs is not there.
            TortureError: nothing further can be tried.
        """
