import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.metrics import event_counts, may_be_best

_flags = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda x: any(x) and not all(x)),
        st.lists(st.booleans(), min_size=n, max_size=n),
    )
)


def test_events_are_counted_whatever_their_length() -> None:
    labels = np.array([0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1])
    alarmed = np.array([1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0])
    # found: the first, twice; missed: the second and third; false: those at 5 and at 8
    found = event_counts(labels, alarmed)
    assert (found.found, found.missed, found.false_alarms) == (1, 2, 2)
    assert found.precision == pytest.approx(1 / 3)
    assert found.recall == pytest.approx(1 / 3)
    assert found.f1 == pytest.approx(1 / 3)


def test_one_alarm_over_two_events_finds_both() -> None:
    found = event_counts([1, 0, 1, 0], [1, 1, 1, 0])
    assert (found.found, found.missed, found.false_alarms, found.f1) == (2, 0, 0, 1.0)


def test_silence_has_no_precision_and_no_recall() -> None:
    found = event_counts([0, 1, 0], [0, 0, 0])
    assert (found.found, found.missed, found.false_alarms) == (0, 1, 0)
    assert (found.precision, found.recall, found.f1) == (0.0, 0.0, 0.0)


@given(_flags)
def test_every_labelled_event_is_found_or_missed(case: tuple[list[bool], list[bool]]) -> None:
    labels, alarmed = map(np.array, case)
    found = event_counts(labels, alarmed)
    assert found.found + found.missed == np.sum(np.diff(labels, prepend=False) & labels)
    assert 0.0 <= found.f1 <= 1.0
    assert event_counts(labels, labels).f1 == 1.0


def test_an_alarm_over_everything_finds_all_and_may_not_be_the_best() -> None:
    labels = np.array([0, 1, 0, 0, 0, 1, 0, 0])
    always = event_counts(labels, np.ones(8))
    assert (always.f1, always.alarmed_share) == (1.0, 1.0)
    assert not may_be_best(labels, np.ones(8))
    # two healthy rows beside two labelled ones
    assert may_be_best(labels, [1, 1, 1, 0, 0, 1, 0, 0])
    assert not may_be_best(labels, [1, 1, 1, 1, 0, 1, 0, 0])
