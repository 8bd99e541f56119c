import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from waiting import wait_until

from edge_agent.daemon.update.verification import Verification
from edge_agent.rollout.install.orders import Outcome, Prepare, Said
from edge_agent.rollout.messages import Report

SUPPORT = Path(__file__).parents[2] / "support"
Begin = Callable[..., Verification]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """``begin(what)``: a process that does it."""
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT), prepend=":")
    begun = []

    def make(what: str, module: str = "played_verification") -> Verification:
        now = datetime.now(UTC)
        report = Report(
            gateway=what, number=0, session="s", at=now, time_quality="unknown", state="idle"
        )
        order = Prepare(gateway=what, enrolment="", state_dir="", desire=b"", report=report)
        begun.append(Verification(order, lambda: None, module))
        return begun[-1]

    yield make
    for verification in begun:
        verification.stop()
        verification.join(60.0)


def outcome_of(verification: Verification) -> Outcome:
    said: list[Said] = []

    def take() -> bool:
        news = verification.take()
        said.extend([] if news is None else [news])
        return bool(said)

    assert wait_until(take)
    assert isinstance(said[0], Outcome)
    return said[0]


def test_what_the_process_says_can_be_taken(begin: Begin) -> None:
    outcome = outcome_of(begin("works"))
    assert (outcome.state, outcome.staged) == ("staged", {"press": "1.0.0-00000000"})


def test_a_process_that_ends_without_an_outcome_is_worth_another_attempt(begin: Begin) -> None:
    outcome = outcome_of(begin("fails"))
    assert (outcome.state, outcome.again) == ("failed", True)
    assert outcome.reason == "verification ended with 1: out of luck"
    outcome = outcome_of(begin("works", "no.such.module"))
    assert "No module named" in str(outcome.reason)


def test_nonsense_is_logged_and_passed_over(begin: Begin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert outcome_of(begin("babbles")).state == "staged"
    assert "the verification said b'nonsense" in caplog.text


def test_one_that_is_stopped_ends_at_once_and_says_nothing_more(begin: Begin) -> None:
    verification = begin("hangs")
    verification.stop()
    verification.join(60.0)
    assert verification.take() is None
