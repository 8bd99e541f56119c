import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.calibration.rate import budget_text, parse_rate, rate_text
from edge_agent.pipeline.budget import BudgetPoint, BudgetSpec, Lane

DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}


@given(
    count=st.floats(0.001, 1e6),
    number=st.none() | st.integers(1, 1000),
    unit=st.sampled_from(list(DAYS)),
    slash=st.sampled_from(["/", " / ", " per "]),
    plural=st.sampled_from(["", "s"]),
)
def test_every_way_to_write_a_rate_is_understood(
    count: float, number: int | None, unit: str, slash: str, plural: str
) -> None:
    text = f"{count:.9f}{slash}{number or ''} {unit}{plural}"

    found = parse_rate(text)

    expected = float(f"{count:.9f}") / ((number or 1) * DAYS[unit]) * DAYS["month"]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    ["", "1", "month", "1/fortnight", "-1/month", "0/day", "1/0days", "1//day", "nan/day",
     "1e3/day", "1/month/month", "inf/year", "1 month", "\u0661/day", "1/day\n2"],
)  # fmt: skip
def test_what_is_no_rate_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="per day, week, month or year, such as 1/month"):
        parse_rate(text)


@settings(max_examples=30)
@given(text=st.text(max_size=20))
def test_any_text_is_a_rate_above_0_or_refused(text: str) -> None:
    try:
        assert parse_rate(text) > 0.0
    except ValueError as error:
        assert "allowed" in str(error)  # noqa: PT017


@given(rate=st.floats(0.1, 1e5))
def test_a_rate_is_told_in_a_unit_in_which_it_reads_back(rate: float) -> None:
    assert parse_rate(rate_text(rate)) == pytest.approx(rate, rel=6e-3)


@pytest.mark.parametrize(
    ("per_month", "text"),
    [(1.0, "1/month"), (0.25, "3/year"), (30.4375, "1/day"), (8.7, "2/week"), (1e-9, "0/year")],
)
def test_a_rate_reads_as_people_would_say_it(per_month: float, text: str) -> None:
    assert rate_text(per_month) == text


def _budget(asked: float | None) -> BudgetSpec:
    points = tuple(
        BudgetPoint(margin=m, expected=e, low=e / 3, high=2 * e) for m, e in ((0.5, 10), (1, 0.5))
    )
    return BudgetSpec(
        asked=asked,
        point=points[1],
        supported=1.0,
        bound=3.0,
        healthy_days=30.4,
        healthy_events=2,
        network=Lane(middle=0.0, width=1.0, logarithmic=True),
        level=None,
        curve=points,
    )


def test_a_budget_below_what_the_healthy_days_support_is_called_an_extrapolation() -> None:
    below = budget_text(_budget(0.5))

    assert below.startswith("6/year asked, 6/year expected (90 %: 2/year to 1/month)")
    assert "2 in 30.4 healthy days, which support 1/month by themselves" in below
    assert "extrapolation" in below
    assert "extrapolation" not in budget_text(msgspec.structs.replace(_budget(None), asked=2.0))
