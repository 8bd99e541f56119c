import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.config.draft import load_config
from edge_agent.daemon.config.settings import Asset
from edge_agent.daemon.judged import Judged, judge
from edge_agent.daemon.late_bundles import LONGEST_WAIT_S, Found, LateBundles
from edge_agent.daemon.models import Models

WriteConfig = Callable[..., Path]


class Looking:
    """Looks again and again, each time as late as it may have to be."""

    def __init__(self, lacking: Judged, models: Models) -> None:
        self.lacking = lacking
        self._models = models
        self._late = LateBundles()
        self._now_s = time.monotonic()

    def look(self) -> Found | None:
        self._now_s += LONGEST_WAIT_S
        self._late.look(self._now_s, (self.lacking,), self._models)
        self._late.join(60.0)
        return self._late.take(self._now_s)


@pytest.fixture
def bundle(bundle_file: Path) -> bytes:
    """What is in a sound bundle; there is none beside the configuration."""
    content = bundle_file.read_bytes()
    bundle_file.unlink()
    return content


@pytest.fixture
def looking(write_config: WriteConfig, bundle: bytes) -> Looking:
    (asset,) = load_config(write_config()).asset
    models = Models(None)
    lacking = judge(asset, models)
    assert (lacking.bundle, "No such file" in str(lacking.reason)) == (None, True)
    return Looking(lacking, models)


def test_a_bundle_is_found_once_it_has_come(
    looking: Looking, bundle: bytes, bundle_file: Path
) -> None:
    assert looking.look() is None
    assert looking.look() is None
    bundle_file.write_bytes(bundle)
    found = looking.look()
    assert found is not None
    (judged,) = found.judged
    assert judged.bundle is found.models.load(str(bundle_file))


def test_a_file_is_read_again_only_after_it_has_changed(
    looking: Looking, bundle: bytes, bundle_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    load = Models.load_for

    def noted(self: Models, asset: Asset) -> LoadedBundle:
        read.append(asset.bundle)
        return load(self, asset)

    monkeypatch.setattr(Models, "load_for", noted)
    bundle_file.write_bytes(bundle[:-9])
    found = looking.look()
    assert found is not None
    (looking.lacking,) = found.judged
    assert "damaged or truncated" in str(looking.lacking.reason)
    assert looking.look() is None
    assert len(read) == 1
    bundle_file.write_bytes(bundle)
    assert looking.look() is not None
    assert len(read) == 2


def test_whatever_a_file_leads_to_is_a_reason(
    looking: Looking, bundle: bytes, bundle_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Models, _asset: Asset) -> None:
        raise MemoryError("too much")

    monkeypatch.setattr(Models, "load_for", fail)
    bundle_file.write_bytes(bundle)
    found = looking.look()
    assert found is not None
    assert [judged.reason for judged in found.judged] == ["MemoryError: too much"]


def test_one_look_at_a_time_and_none_without_need(looking: Looking) -> None:
    late = LateBundles()
    late.look(0.0, (), Models(None))
    assert not late.is_looking
    late.look(0.0, (looking.lacking,), Models(None))
    first = late.is_looking
    late.join(60.0)
    assert (first, late.take(0.0)) == (True, None)
    late.look(0.0, (looking.lacking,), Models(None))
    assert not late.is_looking
