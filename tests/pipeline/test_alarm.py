import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.pipeline.alarm import AlarmRule, AlarmSpec, Anomalies, Detector, Event

ratios = st.floats(0.0, 4.0)


@st.composite
def rules(draw: st.DrawFn) -> AlarmSpec:
    n = draw(st.integers(1, 6))
    return AlarmSpec(
        k=draw(st.integers(1, n)),
        n=n,
        close_ratio=draw(st.floats(0.1, 1.0)),
        close_after=draw(st.integers(1, 4)),
        suppress=draw(st.integers(0, 4)),
    )


def plain_rule(spec: AlarmSpec, values: list[float]) -> list[bool]:
    """The rule said once more, over the whole history instead of step by step."""
    is_open: list[bool] = []
    since, opened = 0, -1  # first window that counts towards opening; where it opened
    for t in range(len(values)):
        if opened < 0:
            counted = values[max(since, t - spec.n + 1) : t + 1] if t >= since else []
            if sum(v > 1.0 for v in counted) >= spec.k:
                opened = t
        else:
            last = values[max(opened + 1, t - spec.close_after + 1) : t + 1]
            if len(last) == spec.close_after and all(v < spec.close_ratio for v in last):
                opened, since = -1, t + 1 + spec.suppress
        is_open.append(opened >= 0)
    return is_open


@given(spec=rules(), values=st.lists(ratios, max_size=60))
def test_the_rule_agrees_with_its_definition(spec: AlarmSpec, values: list[float]) -> None:
    rule = AlarmRule(spec)

    assert [rule.push(v) for v in values] == plain_rule(spec, values)


def test_a_score_at_the_threshold_does_not_open() -> None:
    assert not AlarmRule(AlarmSpec()).push(1.0)


def test_a_score_between_the_two_thresholds_keeps_an_alarm_open() -> None:
    rule = AlarmRule(AlarmSpec(close_ratio=0.8))
    assert rule.push(1.1)

    assert rule.push(0.9)
    assert not rule.push(0.7)


def test_a_score_that_is_no_number_neither_opens_nor_closes() -> None:
    rule = AlarmRule(AlarmSpec())

    assert not rule.push(float("nan"))
    rule.push(2.0)
    assert rule.push(float("nan"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"k": 3, "n": 2},
        {"close_ratio": 0.0},
        {"close_ratio": 1.1},
        {"close_after": 0},
        {"suppress": -1},
        {"unknown": 1},
    ],
)
def test_a_rule_that_cannot_open_or_close_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError, match=next(iter(wrong))):
        msgspec.convert(wrong, AlarmSpec)


step = st.tuples(ratios, st.booleans(), ratios, st.booleans(), st.booleans())


@given(steps=st.lists(step, max_size=60))
def test_anomalies_open_and_close_in_turn_and_are_counted(
    steps: list[tuple[float, bool, float, bool, bool]],
) -> None:
    anomalies = Anomalies()
    is_open, number, severity, reported, opened_at = False, 0, 0.0, 0.0, -1
    for i, (network, network_rings, level, level_rings, scored) in enumerate(steps):
        given_ratios: dict[Detector, float] = {"level": level}
        if scored:
            given_ratios["network"] = network
        alarms: dict[Detector, bool] = {"network": network_rings, "level": level_rings}
        blamed = (("x_rms", 1.0),)

        event = anomalies.push(given_ratios, alarms, (i, 10 * i, 10 * i + 10), blamed)

        worst = max(given_ratios.values())
        if not is_open:
            if network_rings or level_rings:
                is_open, number, severity, reported, opened_at = True, number + 1, worst, worst, i
                opener: Detector = "network" if network_rings else "level"
                assert event == Event(
                    "open", number, opener, 10 * i, 10 * i, None, i, i, worst, blamed
                )
            else:
                assert event is None
        else:
            severity = max(severity, worst)
            if not (network_rings or level_rings):
                is_open = False
                assert event is not None
                assert (event.kind, event.end_ns) == ("close", 10 * i + 10)
            elif severity >= 2.0 * reported:
                reported = severity
                assert event is not None
                assert (event.kind, event.end_ns) == ("update", None)
            else:
                assert event is None
            if event is not None:
                assert (event.number, event.severity) == (number, severity)
                assert (event.opened_index, event.start_ns) == (opened_at, 10 * opened_at)
                assert event.index == i
        assert (anomalies.open is not None) == is_open
        assert anomalies.count == number


def test_an_anomaly_goes_on_while_another_detector_takes_over() -> None:
    anomalies = Anomalies()

    def push(i: int, *, network: bool, level: bool) -> Event | None:
        return anomalies.push(
            {"network": 2.0, "level": 2.0}, {"network": network, "level": level}, (i, i, i + 1), ()
        )

    first = push(0, network=False, level=True)
    assert first is not None
    assert (first.kind, first.detector) == ("open", "level")
    assert push(1, network=True, level=True) is None
    assert push(2, network=True, level=False) is None
    last = push(3, network=False, level=False)
    assert last is not None
    assert (last.kind, last.number, last.detector) == ("close", 1, "level")
