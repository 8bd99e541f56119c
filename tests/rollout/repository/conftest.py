"""A home folder with a repository, and one with a broker."""

from collections.abc import Callable
from pathlib import Path

import pytest
from brokers import Mosquitto
from operators import Gateway, home_at, home_in, repository_in

from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.repository import Repository

Site = tuple[Home, Repository, Gateway]
MakeSite = Callable[[int], Site]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Of a repository that was begun, without a broker."""
    home = home_in(tmp_path / "home")
    repository_in(home).init()
    return home


@pytest.fixture
def repository(home: Home) -> Repository:
    return repository_in(home)


@pytest.fixture
def gateway(tmp_path: Path, repository: Repository) -> Gateway:
    """Enrolled with the first root."""
    return Gateway(tmp_path / "gateway", repository.roles.root_bytes())


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    """``make_site(port)``: an operator who uses that broker, and a gateway."""

    def make(port: int) -> Site:
        home = home_at(tmp_path / "home", port)
        repository = repository_in(home)
        repository.init()
        return home, repository, Gateway(tmp_path / "gateway", repository.roles.root_bytes())

    return make


@pytest.fixture
def site(make_site: MakeSite, mosquitto: Mosquitto) -> Site:
    return make_site(mosquitto.port)
