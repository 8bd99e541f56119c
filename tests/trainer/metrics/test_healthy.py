import numpy as np
import pytest

from edge_agent.pipeline.alarm import AlarmSpec
from trainer.metrics import Course, Ratios, healthy_span_ns, is_false, lead, lead_curve

CONFIRMED = np.zeros(100, dtype=np.bool_)
CONFIRMED[20:30] = True


@pytest.mark.parametrize(
    ("opened", "closed", "false"),
    [
        (5, 8, True),
        (5, 20, True),  # over when the fault began
        (18, 21, False),  # warned of it
        (25, None, False),
        (30, 31, True),
        (60, 61, False),  # behind the part
    ],
)
def test_an_alarm_of_a_confirmed_fault_is_no_false_one(
    opened: int, closed: int | None, *, false: bool
) -> None:
    assert is_false(opened, closed, (0, 50), CONFIRMED) is false


def test_without_confirmed_faults_every_alarm_of_the_part_is_false() -> None:
    assert is_false(25, 26, (0, 50))
    assert not is_false(50, 51, (0, 50))


def test_the_time_of_confirmed_faults_is_not_healthy() -> None:
    starts = np.arange(100, dtype=np.int64) * 10
    assert healthy_span_ns(starts, starts + 10, (0, 50)) == 500.0
    assert healthy_span_ns(starts, starts + 10, (0, 50), CONFIRMED) == 400.0


def test_a_lead_counts_though_a_confirmed_fault_alarmed_in_the_healthy_part() -> None:
    starts = np.arange(100, dtype=np.int64) * 10**9
    course = Course(starts, starts + 10**9, (0, 50))
    known = Course(starts, starts + 10**9, (0, 50), confirmed=CONFIRMED)
    alarms: list[tuple[int, int | None]] = [(22, 28), (80, None)]
    assert lead(alarms, course).problem == "an alarm in the healthy part, window 22"
    assert lead(alarms, known).counts

    ratios = np.full(100, 0.1)
    ratios[22:28] = ratios[80:] = 2.0
    detectors = [Ratios(ratios, AlarmSpec())]
    counted = [
        [point.alarms_in_healthy for point in lead_curve(detectors, one, (1.0,))]
        for one in (course, known)
    ]
    assert counted == [[1], [0]]
