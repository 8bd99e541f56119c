"""A gateway that was enrolled with a repository of which everything can be forged."""

import hashlib
from pathlib import Path

import pytest
from fitted import Gateway, enrol, renamed
from forge import Forge, in_days


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """Nothing is published, nothing runs."""
    forge = Forge()
    root = forge.first_root
    enrolment = enrol(tmp_path / "enrolment", root, hashlib.sha256(root).hexdigest(), in_days(-1))
    return Gateway(tmp_path, forge, enrolment)


@pytest.fixture(scope="session")
def old(plain_bundle: bytes) -> bytes:
    return renamed(plain_bundle, "1.0.0")


@pytest.fixture(scope="session")
def new(plain_bundle: bytes) -> bytes:
    return renamed(plain_bundle, "1.1.0")
