from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.rollout.repository.journal import Journal


def test_it_says_who_did_what_in_the_order_in_which_it_was_done(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    Journal(file, "anna").write("publish", model="press@1.0.0")
    Journal(file, "bert").write("unpublish", model="press@1.0.0")
    first, second = Journal(file, "carl").entries()
    assert (first.by, first.action, first.facts) == ("anna", "publish", {"model": "press@1.0.0"})
    assert (second.by, second.action) == ("bert", "unpublish")
    assert first.at <= second.at


def test_before_the_first_entry_it_is_empty(tmp_path: Path) -> None:
    assert Journal(tmp_path / "journal.jsonl", "anna").entries() == []


@given(torn=st.binary(max_size=60))
def test_what_a_power_cut_left_torn_spoils_no_other_entry(
    tmp_path_factory: pytest.TempPathFactory, torn: bytes
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.jsonl", "anna")
    journal.write("first")
    with journal.file.open("ab") as file:
        file.write(torn)
    journal.write("second")
    actions = [entry.action for entry in journal.entries()]
    assert (actions[0], actions[-1]) == ("first", "second")
