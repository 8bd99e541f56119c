from datetime import UTC, datetime
from typing import get_args

import pytest
from msgspec import structs

from edge_agent.cli.rollout_screen import Screen, short_line, summary_lines
from edge_agent.cli.rollout_wanted import settings_of
from edge_agent.rollout.fleet import progress as machine
from edge_agent.rollout.fleet.plan import Plan, PlanError
from edge_agent.rollout.fleet.states import Entry, Progress, State
from edge_agent.rollout.messages import RemoteSettings, Terms, WantedModel

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def progress() -> Progress:
    model = WantedModel(
        line="press",
        name="press",
        version="1.4.0",
        sha256="ab" * 32,
        length=1,
        target="press/press-1.4.0.edgemodel",
    )
    plan = Plan(
        rollout="press-1.4.0",
        created=NOW,
        by="kim",
        to=("group=hall",),
        models=(model,),
        settings=None,
        terms=Terms(),
        waves=(("gw-1",), ("gw-2", "gw-3")),
        limits=(),
        rate_per_min=100.0,
    )
    begun = machine.begin(plan)
    begun.entries["gw-1"].state = "succeeded"
    begun.entries["gw-2"].state = "failed"
    begun.entries["gw-2"].reason = "rolled_back: trial bad"
    begun.wave = 1
    machine.refuse(begun, "gw-3", "forged", "forged: signed by nobody", NOW)
    return begun


def test_it_says_how_far_each_wave_is_and_why_gateways_failed(progress: Progress) -> None:
    lines = summary_lines(progress)
    assert lines[0] == "press-1.4.0: running"
    assert lines[2] == "1 of 3 gateways have proved it, 1 failed"
    assert any(line.startswith("    1  failed: rolled_back: trial bad (gw-2)") for line in lines)
    assert lines[-1] == "REFUSED  1 reports of gw-3: forged: signed by nobody"
    waves = [line.split()[:2] for line in lines[5:7]]
    assert waves == [["1", "1"], [">2", "2"]]


def test_it_fits_an_old_terminal_with_its_bars_and_whole_reasons(progress: Progress) -> None:
    progress.entries["gw-3"].state = "timed_out"
    progress.entries["gw-3"].reason = "not proved in time; the last it said: " + "so and so, " * 9
    lines = summary_lines(progress, 80)
    assert max(len(line) for line in lines) <= 80
    assert lines[4].endswith("failed  late")
    assert [line[-5:] for line in lines[5:7]] == ["█████"] * 2
    assert " ".join(" ".join(lines).split()).count("so and so") == 9


@pytest.mark.parametrize("columns", [80, 120])
def test_nothing_that_it_says_is_wider_than_the_terminal(progress: Progress, columns: int) -> None:
    for number, state in enumerate(get_args(State)):
        entry = Entry(wave=number % 2, state=state, reason="trial bad: " + "so and so, " * 30)
        progress.entries[f"gw-{number + 1}"] = entry
    progress.reason = "failed>5% is broken in all waves so far, " * 4
    progress.plan = structs.replace(progress.plan, to=tuple(f"gateway=gw-{n}" for n in range(12)))
    lines = summary_lines(progress, columns)
    assert max(map(len, lines)) <= columns
    assert " ".join(" ".join(lines).split()).count("broken in all waves so far") == 4


def test_one_that_ended_without_all_says_so_and_how_many_are_missing(progress: Progress) -> None:
    progress.status = "ended"
    for entry in progress.entries.values():
        entry.state = "timed_out"
    lines = summary_lines(progress, 80)
    assert lines[0] == "press-1.4.0: ended"
    assert lines[2] == "0 of 3 gateways have proved it, 3 late"
    assert lines[4].split() == ["wave", "gateways", "late"]


def test_it_says_what_is_set_as_the_command_line_does(progress: Progress) -> None:
    settings = settings_of(("publish_score=false", "period_s.pump-1=60"))
    progress.plan = structs.replace(progress.plan, models=(), settings=settings)
    said = summary_lines(progress)[1]
    assert said == "settings publish_score=false period_s.pump-1=60, to group=hall"


def test_a_line_says_it_all_where_there_is_no_screen(
    progress: Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    assert short_line(progress) == "running, wave 2 of 2: 1 waiting, 1 proved, 1 failed"
    with Screen(on=True) as screen:
        screen.show(progress)
        screen.show(progress)
        progress.status = "paused"
        screen.show(progress)
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        "running",
        "paused",
    ]


def test_settings_are_read_from_words() -> None:
    words = ("publish_features=on", "period_s.pump-1=60", "period_s.pump-2=30")
    assert settings_of(words) == RemoteSettings(
        publish_features=True, period_s={"pump-1": 60.0, "pump-2": 30.0}
    )
    assert settings_of(()) is None


@pytest.mark.parametrize(
    "word", ["publish_features", "publish_features=2", "period_s=60", "period_s.p=x", "mqtt.host=h"]
)
def test_other_settings_are_refused_with_what_is_allowed(word: str) -> None:
    with pytest.raises(PlanError, match="allowed"):
        settings_of((word,))


def test_a_period_that_is_none_is_refused() -> None:
    with pytest.raises(PlanError, match="allowed"):
        settings_of(("period_s.p=0",))


def test_what_gateways_and_brokers_have_written_does_nothing_to_the_terminal(
    progress: Progress,
) -> None:
    progress.entries["gw-2"].reason = "rolled_back: \x1b[2J\x1b]0;all is well\x07"
    machine.refuse(progress, "gw-3", "forged", "forged: signed by \x1b[1A", NOW)
    for line in summary_lines(progress):
        assert line.isprintable()
