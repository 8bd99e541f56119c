from pathlib import Path

import pytest
from operators import home_in, repository_in

from edge_agent.rollout.repository.home import BusyError, Home, HomeError
from edge_agent.rollout.repository.settings import SettingsError


def test_one_command_keeps_the_others_out(home: Home) -> None:
    with (
        home.locked(),
        pytest.raises(BusyError, match="another command"),
        Home(home.folder, "bert").locked(patience_s=0.0),
    ):
        pytest.fail("both work in the folder")
    with Home(home.folder, "bert").locked(patience_s=0.0):
        pass


def test_the_folder_is_its_owners_alone(home: Home) -> None:
    assert home.folder.stat().st_mode & 0o077 == 0


def test_a_repository_is_not_begun_twice(home: Home) -> None:
    with pytest.raises(HomeError, match="there is a repository already"):
        home.create(b"")
    with pytest.raises(HomeError, match="there is a repository already"):
        repository_in(home).init()


def test_settings_that_somebody_wrote_are_not_overwritten(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home", "[lifetimes]\ntimestamp_days = 7\n")
    with pytest.raises(HomeError, match=r"operator\.toml: says something else"):
        home.create(b"")
    assert home.settings().lifetimes.timestamp_days == 7


def test_settings_that_are_wrong_leave_no_folder_that_looks_right(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "anna")
    with pytest.raises(SettingsError):
        home.create(b"[broker]\nhost = 5\n")
    with pytest.raises(HomeError, match="edge-rollout init makes one"):
        home.settings()


def test_what_is_no_home_folder_is_said_to_be_none(tmp_path: Path) -> None:
    home = Home(tmp_path / "nothing", "anna")
    with pytest.raises(HomeError, match="--home or EDGE_ROLLOUT_HOME"), home.locked():
        pytest.fail("there is no folder")


def test_without_a_broker_that_is_said_with_the_key(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=r"operator.toml: broker: found nothing"):
        home_in(tmp_path / "home").broker()
