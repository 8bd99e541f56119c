"""What holds for every test of the project and of its plugins."""

import os
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about who else uses the machine than about the code. Examples
# are the same in every run: what passes here passes there. Others are looked for by
# --hypothesis-profile=search.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("shared-machine", settings.get_profile("search"), derandomize=True)
settings.load_profile("shared-machine")

pytest_plugins = ("brokers", "commands")  # in tests/support

_PATIENCE_S = 20.0  # for threads that were told to end and are about to; a busy machine


@pytest.fixture(autouse=True)
def the_environment_outlives_no_test() -> Iterator[None]:
    """Take back what a test has set: a command sets how many threads its libraries may use.

    Sums are rounded otherwise by another number of threads, and commands that later tests run
    would give other last digits than the code under test in their own process.
    """
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys() - {"PYTEST_CURRENT_TEST"}:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def no_thread_outlives_its_test() -> Iterator[None]:
    """Fail a test that leaves a thread behind; for open sockets and files pytest does it."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _PATIENCE_S
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    if left:
        pytest.fail(f"the test left threads running: {sorted(thread.name for thread in left)}")
