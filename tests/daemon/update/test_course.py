"""The states of an update without an agent around them."""

from pathlib import Path

import pytest
from played_plant import LINE, Plant, desire, placed

from edge_agent.daemon.update.steps import is_unproven
from edge_agent.rollout.messages import RemoteSettings, Terms


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """An agent that runs 1.0.0, which has held."""
    made = Plant(tmp_path)
    made.want(desire("1.0.0", 1))
    made.until_quiet()
    assert (made.state, made.used, is_unproven(made.steps.standing)) == ("active", "1.0.0", False)
    return made


def test_the_first_model_of_a_line_is_used_without_a_trial(plant: Plant) -> None:
    history = [(entry.state, entry.reason) for entry in plant.steps.standing.history]
    first = "no trial: nothing to compare with for press"
    assert history[-2:] == [("committing", first), ("active", first)]


def test_a_good_trial_leads_to_a_commit_and_old_models_go_once_it_has_held(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.go_on()
    plant.go_on()
    assert (plant.state, plant.used) == ("trial", "1.0.0")
    plant.verdict = "good"
    plant.until_quiet()
    assert (plant.state, plant.used) == ("active", "1.1.0")
    standing = plant.steps.standing
    assert standing.trials["press-1"].verdict == "good"
    assert (standing.held_s or 0.0) >= 100.0
    plant.want(desire("1.2.0", 3))
    plant.verdict = "good"
    plant.until_quiet()
    assert {one.version for one in plant.steps.lines.installed(LINE).values()} == {"1.1.0", "1.2.0"}


def test_what_an_operator_takes_back_needs_no_trial(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.go_on()
    plant.verdict = "good"
    plant.until_quiet()
    plant.verdict = "bad"
    terms = Terms(hold_s=0.0, allow_downgrade=True, trial=False)
    plant.want(desire("1.0.0", 3, terms=terms))
    plant.until_quiet()
    assert (plant.state, plant.used) == ("active", "1.0.0")
    assert plant.steps.standing.reason == "no trial: back to what was in use before"


def test_nobody_can_order_a_model_that_was_never_in_use_without_a_trial(plant: Plant) -> None:
    plant.verdict = "bad"
    plant.want(desire("1.1.0", 2, terms=Terms(hold_s=0.0, trial=False)))
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")


@pytest.mark.parametrize("verdict", ["bad", "inconclusive"])
def test_any_other_trial_leaves_all_as_it_was(plant: Plant, verdict: str) -> None:
    plant.want(desire("1.1.0", 2))
    plant.verdict = verdict
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")
    assert plant.steps.standing.reason == f"trial {verdict}: press-1: as played"
    assert len(plant.steps.lines.installed(LINE)) == 1


def test_a_trial_that_does_not_end_in_time_leaves_all_as_it_was(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.go_on()
    plant.late = True
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")
    assert "inconclusive in the time given: press-1: live" in str(plant.steps.standing.reason)


def test_a_swap_that_is_refused_is_taken_back(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.verdict, plant.refusal = "good", "asset press-1: its bundle is refused"
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")
    assert plant.asset.sha256 == placed("1.0.0").sha256


def test_a_model_that_fails_while_it_holds_is_taken_back(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2))
    plant.verdict = "good"
    while plant.state != "active":
        plant.go_on()
    plant.go_on()
    plant.asset.state = "failed"
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rolled_back", "1.0.0")
    assert plant.steps.standing.reason == "asset press-1: scoring: broken"
    assert plant.asset.sha256 == placed("1.0.0").sha256


def test_unknown_limits_are_refused_before_anything_is_tried(plant: Plant) -> None:
    plant.want(desire("1.1.0", 2, terms=Terms(limits={"beauty": 1.0})))
    plant.until_quiet()
    assert (plant.state, plant.used) == ("rejected", "1.0.0")
    assert "beauty" in str(plant.steps.standing.reason)


def test_settings_that_a_reading_refuses_are_dropped(plant: Plant) -> None:
    plant.want(desire(None, 2, settings=RemoteSettings(publish_score=False)))
    plant.refusal = "config.toml: no"
    plant.until_quiet()
    assert (plant.state, plant.remote, plant.in_force) == ("rejected", None, None)


def test_settings_that_a_crash_follows_are_not_read_again(plant: Plant) -> None:
    settings_wanted = RemoteSettings(publish_score=False)
    plant.want(desire(None, 2, settings=settings_wanted))
    while plant.state != "active":
        plant.go_on()
    assert plant.goes_by() == settings_wanted
    plant.begin()
    assert (plant.state, plant.goes_by()) == ("rolled_back", None)
    assert plant.steps.standing.reason == "the agent did not live to confirm the settings"


def test_settings_outlive_an_agent_that_ends_as_it_should(plant: Plant) -> None:
    settings_wanted = RemoteSettings(publish_score=False)
    plant.want(desire(None, 2, settings=settings_wanted))
    while plant.state != "active":
        plant.go_on()
    plant.steps.end()
    plant.begin()
    assert (plant.state, plant.in_force) == ("active", settings_wanted)
    plant.until_quiet()
    assert plant.steps.settings.kept.confirmed == settings_wanted


def test_settings_that_need_not_hold_outlive_the_agent_however_it_ends(plant: Plant) -> None:
    """As those that an operator takes a gateway back to."""
    aborted, before = RemoteSettings(publish_score=False), RemoteSettings()
    plant.want(desire(None, 2, settings=aborted))
    plant.until_quiet()
    plant.want(desire(None, 3, settings=before, terms=Terms(hold_s=0.0, trial=False)))
    plant.until_quiet()
    assert (plant.state, plant.goes_by()) == ("active", before)
    plant.steps.end()
    for _ in range(3):
        plant.begin()
        assert (plant.state, plant.goes_by()) == ("active", before)
    assert plant.steps.settings.kept.in_force == before


def test_models_that_need_not_hold_leave_only_two_on_the_disk(plant: Plant) -> None:
    for n in (1, 2, 3):
        plant.want(desire(f"1.{n}.0", n + 1, terms=Terms(hold_s=0.0)))
        plant.go_on()
        plant.verdict = "good"
        plant.until_quiet()
    assert {one.version for one in plant.steps.lines.installed(LINE).values()} == {"1.2.0", "1.3.0"}
