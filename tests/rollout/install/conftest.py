"""A gateway that was enrolled with a repository of which everything can be forged."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from fitted import Gateway, enrol, renamed
from forge import Forge


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """Nothing is published, nothing runs."""
    forge = Forge()
    home = tmp_path / "gateway"
    return Gateway(home, forge, enrol(home / "enrolment", forge.first_root))


@pytest.fixture(scope="session")
def old(plain_bundle: bytes) -> bytes:
    return renamed(plain_bundle, "1.0.0")


@pytest.fixture(scope="session")
def new(plain_bundle: bytes) -> bytes:
    return renamed(plain_bundle, "1.1.0")


@pytest.fixture
def attacked(gateway: Gateway, old: bytes, new: bytes) -> Gateway:
    """Runs ``old``; the operators have published ``new``, but it has not looked yet."""
    gateway.run(old)
    gateway.publish(new)
    return gateway


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """``set_clock(seconds since 1970)``: what the client takes for now, and python-tuf as well."""

    def set_to(unix_s: float) -> None:
        class Clock(dt.datetime):
            @classmethod
            def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
                return dt.datetime.fromtimestamp(unix_s, tz)

        module = SimpleNamespace(datetime=Clock, timezone=dt.timezone)
        monkeypatch.setattr("tuf.ngclient._internal.trusted_metadata_set.datetime", module)
        for name in ("verify", "prepare", "reporting"):
            monkeypatch.setattr(f"edge_agent.rollout.install.{name}.datetime", Clock)

    return set_to
