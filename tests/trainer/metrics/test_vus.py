"""VUS against published figures, its definition, and what must hold for any score."""

import csv
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer.metrics import MetricError, volume_under_surface

Floats = NDArray[np.float64]

_HEALTHY = 2579  # rows that the published weekly profile was fitted on
_DAY, _WEEK = 48, 336


@pytest.fixture(scope="module")
def taxi(shared_data: Path) -> tuple[Floats, NDArray[np.bool_], NDArray[np.intp]]:
    """Passengers, labels and the half hour of the week of each row of nyc_taxi."""
    with (shared_data / "nab/realKnownCause/nyc_taxi.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    times = [datetime.fromisoformat(row[0]) for row in rows]
    windows = json.loads((shared_data / "nab/labels/combined_windows.json").read_text())
    labels = np.zeros(len(rows), dtype=np.bool_)
    for pair in windows["realKnownCause/nyc_taxi.csv"]:
        first, last = map(datetime.fromisoformat, pair)
        labels |= np.array([first <= time <= last for time in times])
    slots = np.array([t.weekday() * _DAY + t.hour * 2 + t.minute // 30 for t in times])
    return np.array([float(row[1]) for row in rows]), labels, slots


def _causal_mean(values: Floats, rows: int) -> Floats:
    total: Floats = np.concatenate(([0.0], np.cumsum(values)))
    stop = np.arange(1, len(values) + 1)
    first = np.maximum(0, stop - rows)
    mean: Floats = (total[stop] - total[first]) / (stop - first)
    return mean


def _moving_z(values: Floats) -> Floats:
    mean = _causal_mean(values, _DAY)
    spread = np.sqrt(np.maximum(_causal_mean(values**2, _DAY) - mean**2, 1.0))
    z: Floats = np.abs(values - np.roll(mean, 1)) / np.roll(spread, 1)
    z[: _DAY + 1] = 0.0
    return z


def _pca(values: Floats, length: int) -> Floats:
    """Squared prediction error of 90 % of the variance, fitted on the healthy rows."""
    lags = np.lib.stride_tricks.sliding_window_view(values, length)
    healthy = lags[: _HEALTHY - length + 1]
    centred = lags - healthy.mean(axis=0)
    _, size, axes = np.linalg.svd(healthy - healthy.mean(axis=0), full_matrices=False)
    share = np.cumsum(size**2) / np.sum(size**2)
    kept = axes[: int(np.searchsorted(share, 0.9)) + 1]
    error = np.sum((centred - centred @ kept.T @ kept) ** 2, axis=1)
    return np.concatenate((np.zeros(length - 1), error))


def _profile_residual(values: Floats, slots: NDArray[np.intp]) -> Floats:
    logs = np.log(values)
    healthy, its = logs[:_HEALTHY], slots[:_HEALTHY]
    profile = np.array([np.median(healthy[its == slot]) for slot in range(_WEEK)])
    residual: Floats = np.abs(logs - profile[slots])
    return residual


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("random", 0.126),
        ("persistence", 0.104),
        ("moving z", 0.139),
        ("pca 48", 0.135),
        ("pca 336", 0.389),
        ("weekly naive", 0.378),
        ("weekly naive, mean of a day", 0.477),
        ("weekly profile", 0.486),
        ("weekly profile, mean of a day", 0.673),
    ],
)
def test_published_figures_of_simple_scores_on_nyc_taxi_are_reproduced(
    taxi: tuple[Floats, NDArray[np.bool_], NDArray[np.intp]], name: str, published: float
) -> None:
    values, labels, slots = taxi
    weekly = np.abs(values - np.concatenate((values[:_WEEK], values[:-_WEEK])))
    profile = _profile_residual(values, slots)
    scores = {
        "random": np.random.default_rng(0).random(len(values)),
        "persistence": np.abs(np.diff(values, prepend=values[0])),
        "moving z": _moving_z(values),
        "pca 48": _pca(values, _DAY),
        "pca 336": _pca(values, _WEEK),
        "weekly naive": weekly,
        "weekly naive, mean of a day": _causal_mean(weekly, _DAY),
        "weekly profile": profile,
        "weekly profile, mean of a day": _causal_mean(profile, _DAY),
    }
    found = volume_under_surface(labels, scores[name], 125).pr
    # how many components the published PCA kept is not known, nor which random numbers were drawn
    assert found == pytest.approx(published, abs=0.004 if name[:3] in ("ran", "pca") else 0.001)


def _by_definition(labels: NDArray[np.bool_], score: Floats, buffer: int) -> float:
    """The precision-recall volume, one row at a time."""
    n = len(labels)
    ranked = sorted(score, reverse=True)
    thresholds = [ranked[int(i)] for i in np.linspace(0, n - 1, 250)]
    events = [i for i in range(n) if labels[i] and (i == 0 or not labels[i - 1])]
    stops = [next((j for j in range(i, n) if not labels[j]), n) for i in events]
    areas = []
    for size in range(buffer + 1):
        reach = size // 2
        weights = labels.astype(float)
        for row in range(n):
            if not labels[row]:
                gaps = [a - row for a in events] + [row - b + 1 for b in stops]
                near = [gap for gap in gaps if 0 < gap <= reach]
                weights[row] = min(1.0, sum(np.sqrt(1.0 - gap / size) for gap in near))
        groups: list[list[int]] = []
        for first, stop in zip(events, stops, strict=True):
            if groups and first - reach < groups[-1][1]:
                groups[-1][1] = stop + reach
            else:
                groups.append([max(0, first - reach), stop + reach])
        area = before = 0.0
        for threshold in thresholds:
            told = score >= threshold
            hits = float(weights[told].sum())
            positives = (labels.sum() + labels.sum() + weights[told & ~labels].sum()) / 2.0
            exist = np.mean([told[a:b].any() for a, b in groups])
            recall = min(1.0, hits / positives) * exist
            area += (recall - before) * hits / told.sum()
            before = recall
        areas.append(area)
    return float(np.mean(areas))


_cases = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda x: any(x) and not all(x)),
        st.lists(st.integers(-20, 20), min_size=n, max_size=n),
        st.integers(0, 12),
    )
)


@settings(max_examples=30)  # the definition is slow
@given(_cases)
def test_the_volume_is_that_of_its_definition(case: tuple[list[bool], list[int], int]) -> None:
    labels, score, buffer = np.array(case[0]), np.array(case[1], dtype=np.float64), case[2]
    found = volume_under_surface(labels, score, buffer)
    assert found.pr == pytest.approx(_by_definition(labels, score, buffer), abs=1e-12)
    assert 0.0 <= found.pr <= 1.0 + 1e-12
    assert 0.0 <= found.roc <= 1.0 + 1e-12


@given(_cases)
def test_only_the_order_of_the_scores_counts(case: tuple[list[bool], list[int], int]) -> None:
    labels, score, buffer = np.array(case[0]), np.array(case[1], dtype=np.float64), case[2]
    one = volume_under_surface(labels, score, buffer)
    for other in (3.0 * score - 100.0, np.exp(score), score**3):
        assert volume_under_surface(labels, other, buffer) == one


@given(_cases)
def test_a_score_that_knows_the_labels_gets_all(case: tuple[list[bool], list[int], int]) -> None:
    labels = np.array(case[0])
    found = volume_under_surface(labels, labels.astype(np.float64), case[2])
    assert found.pr == pytest.approx(1.0)


def test_without_tolerance_it_is_the_area_under_the_plain_curves() -> None:
    labels = np.array([0, 0, 1, 0])
    # found third: precision and recall are 0, 0, 1/3 and 1 there; true positives over false ones
    found = volume_under_surface(labels, np.array([4.0, 3.0, 2.0, 1.0]), buffer=0)
    assert found.pr == pytest.approx(1.0 / 3.0)
    assert found.roc == pytest.approx(1.0 / 3.0)


def test_an_alarm_just_beside_the_event_is_worth_something_with_tolerance_only() -> None:
    labels, score = np.zeros(200), np.zeros(200)
    labels[100:110], score[97:100] = 1.0, 1.0
    strict, tolerant = (volume_under_surface(labels, score, size).pr for size in (0, 40))
    assert tolerant > strict + 0.1


def test_rows_without_a_score_rank_last() -> None:
    labels = np.array([0, 0, 1, 1, 0, 0])
    known = np.array([np.nan, 1.0, 3.0, 2.0, 0.5, np.nan])
    assert volume_under_surface(labels, known, 2) == volume_under_surface(
        labels, np.nan_to_num(known, nan=-7.0), 2
    )


@pytest.mark.parametrize(
    ("labels", "scores", "said"),
    [
        ([0, 1], [1.0], "2 labels for 1 scores, allowed: one label for each score"),
        ([0, 0], [1.0, 2.0], "0 of 2 rows are labelled as anomalies"),
        ([1, 1], [1.0, 2.0], "2 of 2 rows are labelled as anomalies"),
    ],
)
def test_labels_that_do_not_do_are_refused(
    labels: list[int], scores: list[float], said: str
) -> None:
    with pytest.raises(MetricError, match=said):
        volume_under_surface(labels, scores)
