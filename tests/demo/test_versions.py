from pathlib import Path

import pytest

from demo.versions import as_good, damaged, nervous
from edge_agent.bundle import Bundle, BundleError


@pytest.fixture
def first(samples_bundle: bytes) -> Bundle:
    return Bundle.decode(samples_bundle)


def test_a_version_as_good_differs_in_nothing_but_its_number(first: Bundle, tmp_path: Path) -> None:
    second = Bundle.read(as_good(first, "1.1.0", tmp_path))
    second.verify_golden()
    assert second.manifest.version == "1.1.0"
    assert second.manifest.flow == first.manifest.flow
    assert second.sha256 != first.sha256


def test_a_nervous_version_is_sound_and_calls_sooner(first: Bundle, tmp_path: Path) -> None:
    second = Bundle.read(nervous(first, "1.2.0", tmp_path))
    second.verify_golden()
    assert second.golden.anomaly.sum() > first.golden.anomaly.sum()


def test_a_damaged_version_does_not_show_its_golden_scores(first: Bundle, tmp_path: Path) -> None:
    second = Bundle.read(damaged(first, "1.3.0", tmp_path))
    with pytest.raises(BundleError, match=r"golden window \d+: score is"):
        second.verify_golden()
