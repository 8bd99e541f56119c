from pathlib import Path

import pytest
from forge import in_days

from edge_agent.rollout.install.journal import HISTORY, Journal
from edge_agent.rollout.install.states import StateError
from edge_agent.rollout.messages import Desire, Order, WantedModel

DESIRE = Desire(
    gateway="gw-1",
    order=Order(generation=1, epoch=2, counter=3),
    issued=in_days(0),
    expires=in_days(1),
    models=(
        WantedModel(
            line="press",
            name="bearing",
            version="1.4.0",
            sha256="a" * 64,
            length=5,
            target="bearing/bearing-1.4.0.edgemodel",
        ),
    ),
)


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.enter("downloading", desire=DESIRE, order=DESIRE.order)
    journal.enter("verifying")
    journal.enter("rejected", "golden window 3: score differs")
    again = Journal(tmp_path)
    assert again.standing == journal.standing
    assert again.standing.desire == DESIRE
    entry = again.standing.history[-1]
    assert (entry.state, entry.reason) == ("rejected", "golden window 3: score differs")
    assert (entry.answers, entry.models) == (DESIRE.order, ("press: bearing 1.4.0",))


def test_a_step_that_is_none_is_not_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(StateError):
        journal.enter("active")
    assert journal.standing.state == "idle"
    assert Journal(tmp_path).standing.history == ()


def test_no_number_of_a_report_is_given_out_twice(tmp_path: Path) -> None:
    numbers = [Journal(tmp_path).next_number() for _ in range(3)]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def test_numbers_go_on_above_those_of_a_journal_that_was_lost(tmp_path: Path) -> None:
    """They begin with the seconds since 1970: no gateway reports more often than once a second."""
    first = Journal(tmp_path).next_number()
    (tmp_path / "journal.json").unlink()
    assert Journal(tmp_path).next_number() >= first


def test_of_the_past_the_last_steps_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for n in range(HISTORY + 5):
        journal.enter("rejected", f"reason {n}")
        journal.enter("downloading")
    assert len(journal.standing.history) == HISTORY
    assert journal.standing.history[-2].reason == f"reason {HISTORY + 4}"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"state":"flying"}', b'{"format":9}'])
def test_a_damaged_journal_is_said_and_set_aside_when_there_is_news(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "journal.json"
    file.write_bytes(content)
    journal = Journal(tmp_path)
    assert journal.lost is not None
    assert str(file) in journal.lost
    assert journal.standing.state == "idle"
    journal.enter("rejected", "of no use")
    assert (tmp_path / "journal.json.damaged").read_bytes() == content
    assert Journal(tmp_path).standing.reason == "of no use"
