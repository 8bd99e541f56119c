import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import AlarmSpec
from trainer.metrics import Course, Ratios, lead, lead_curve

HOUR_NS = 3600 * 10**9
Alarms = list[tuple[int, int | None]]


def _course(rows: int = 1000, *, fpt: int | None = None, scored_from: int = 0) -> Course:
    starts = np.arange(rows, dtype=np.int64) * HOUR_NS
    return Course(starts, starts + HOUR_NS, (100, 340), scored_from, fpt)


def test_lead_runs_from_the_first_alarm_to_the_end() -> None:
    found = lead([(700, 710), (900, None)], _course(fpt=720))
    assert (found.first_alarm, found.lead_windows, found.lead_hours) == (700, 299, 299.0)
    assert found.delay_to_fpt == -20
    assert found.counts
    assert found.problem is None


def test_without_an_alarm_there_is_no_lead() -> None:
    found = lead([], _course(fpt=720))
    assert (found.first_alarm, found.lead_windows, found.delay_to_fpt) == (None, None, None)
    assert not found.counts
    assert found.problem == "no alarm after the healthy part"


def test_an_alarm_open_at_the_end_of_an_all_healthy_recording_leads_to_nothing() -> None:
    whole = _course(rows=340)
    found = lead([(330, None)], whole)
    assert (found.first_alarm, found.lead_windows) == (None, None)
    rule = AlarmSpec()
    assert lead_curve([Ratios(np.full(340, 2.0), rule)], whole)[0].first_alarm is None


@pytest.mark.parametrize(
    ("alarms", "problem"),
    [
        ([(150, 151), (700, None)], "an alarm in the healthy part, window 150"),
        ([(99, 100), (700, None)], "an alarm before the healthy part or on the edge"),
        ([(340, 341), (700, None)], "an alarm on the edge of the healthy part, window 340"),
        ([(359, None)], "an alarm on the edge of the healthy part, window 359"),
        ([(339, None)], "an alarm in the healthy part, window 339"),
    ],
)
def test_a_lead_counts_for_nothing_beside_an_alarm_that_tells_of_the_limits(
    alarms: Alarms, problem: str
) -> None:
    found = lead(alarms, _course())
    assert not found.counts
    assert found.problem is not None
    assert found.problem.startswith(problem)


def test_an_alarm_while_the_detector_warms_up_spoils_the_lead() -> None:
    times = np.arange(1000, dtype=np.int64) * HOUR_NS
    course = Course(times, times, (0, 5), scored_from=390)
    assert lead([(409, None)], course).problem is not None
    assert lead([(410, None)], course).problem is None


def test_an_alarm_that_stays_open_over_the_end_of_the_healthy_part_is_seen_after_it() -> None:
    assert lead([(200, None)], _course()).first_alarm == 340
    assert lead([(200, 340)], _course()).first_alarm is None


def _rising(rows: int = 1000) -> NDArray[np.float64]:
    ratios = np.full(rows, 0.5)
    ratios[150] = 1.5
    ratios[600:] = np.linspace(0.5, 3.0, rows - 600)
    return ratios


def test_the_curve_trades_lead_for_false_alarms() -> None:
    detector = Ratios(_rising(), AlarmSpec())
    curve = lead_curve([detector], _course(), (0.9, 1.6, 2.5, 5.0))
    assert [p.alarms_in_healthy for p in curve] == [1, 0, 0, 0]
    assert [p.alarms_per_healthy_day for p in curve] == pytest.approx([0.1, 0.0, 0.0, 0.0])
    assert [p.counts for p in curve] == [False, True, True, False]
    assert curve[0].first_alarm == 664
    firsts = [p.first_alarm for p in curve if p.first_alarm is not None]
    assert firsts == sorted(firsts)
    assert curve[-1].first_alarm is None


def test_the_curve_joins_detectors_and_keeps_each_ones_rule() -> None:
    slow = Ratios(_rising(), AlarmSpec(k=3, n=3, close_after=2))
    spike = np.full(1000, np.nan)
    spike[500] = 2.0  # not scored afterwards: the alarm stays as it is
    (alone,) = lead_curve([slow], _course(), (1.0,))
    (both,) = lead_curve([slow, Ratios(spike, AlarmSpec())], _course(), (1.0,))
    assert (alone.alarms_in_healthy, both.alarms_in_healthy) == (0, 0)
    assert alone.first_alarm == 682
    assert both.first_alarm == 500


def test_a_recording_without_times_has_leads_in_windows_only() -> None:
    none = np.zeros(1000, dtype=np.int64)
    found = lead([(700, None)], Course(none, none, (0, 100)))
    assert (found.lead_windows, found.lead_hours) == (299, None)
    (point,) = lead_curve([Ratios(_rising(), AlarmSpec())], Course(none, none, (0, 100)), (1.0,))
    assert point.alarms_per_healthy_day is None
