"""A home folder with a repository."""

from pathlib import Path

import pytest
from operators import Gateway, home_in, repository_in

from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.repository import Repository


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
