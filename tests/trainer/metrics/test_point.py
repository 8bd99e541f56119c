import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.metrics import (
    average_precision,
    best_f1,
    point_adjusted_f1,
    random_point_adjusted_f1,
)

_cases = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda x: any(x) and not all(x)),
        st.lists(st.integers(-9, 9), min_size=n, max_size=n),
    )
)


def test_average_precision_is_the_sum_over_the_steps_of_recall() -> None:
    # found first and third of four: 1/2 * 1 + 1/2 * 2/3
    assert average_precision([1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0]) == pytest.approx(5 / 6)
    # equal scores are one threshold: precision 2/4 at recall 1
    assert average_precision([1, 0, 1, 0], [1.0, 1.0, 1.0, 1.0]) == pytest.approx(0.5)


def test_the_best_f1_names_its_threshold() -> None:
    assert best_f1([1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0]) == pytest.approx((0.8, 2.0))
    assert best_f1([0, 0, 1], [0.0, 0.0, 7.0]) == (1.0, 7.0)


@given(_cases)
def test_no_threshold_is_better_than_the_best(case: tuple[list[bool], list[int]]) -> None:
    labels, score = np.array(case[0]), np.array(case[1], dtype=np.float64)
    best, threshold = best_f1(labels, score)
    for tried in np.unique(score):
        told = score >= tried
        f1 = 2.0 * (told & labels).sum() / (told.sum() + labels.sum())
        assert f1 <= best + 1e-12
        assert tried != threshold or f1 == pytest.approx(best)


@given(_cases)
def test_point_adjustment_never_costs(case: tuple[list[bool], list[int]]) -> None:
    labels, score = np.array(case[0]), np.array(case[1], dtype=np.float64)
    adjusted = point_adjusted_f1(labels, score)
    assert best_f1(labels, score)[0] <= adjusted <= 1.0
    assert point_adjusted_f1(labels, np.exp(score)) == adjusted


def test_one_row_over_the_threshold_finds_all_of_its_event() -> None:
    labels = np.array([0, 1, 1, 1, 0])
    assert point_adjusted_f1(labels, [0.0, 0.0, 9.0, 0.0, 0.0]) == 1.0
    assert best_f1(labels, [0.0, 0.0, 9.0, 0.0, 0.0])[0] == pytest.approx(0.75)


def test_a_random_score_does_well_where_events_are_long() -> None:
    labels = np.zeros(10_000)
    labels[3000:4000] = labels[7000:8000] = 1.0
    rng = np.random.default_rng(0)
    assert best_f1(labels, rng.random(10_000))[0] < 0.35
    assert random_point_adjusted_f1(labels) > 0.95


def test_a_random_score_gets_the_published_figure_on_server_metrics(shared_data: Path) -> None:
    found = {}
    for machine in ("1-6", "2-1", "2-8", "3-3"):
        with zipfile.ZipFile(shared_data / f"smd/machine-{machine}.zip") as archive:
            text = archive.read(f"ServerMachineDataset/test_label/machine-{machine}.txt")
        labels = np.array(text.split(), dtype=np.float64)
        found[machine] = random_point_adjusted_f1(labels)
    # .83 over all 28 machines; these are four of them
    assert np.mean(list(found.values())) == pytest.approx(0.83, abs=0.05)
