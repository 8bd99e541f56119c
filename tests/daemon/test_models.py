from pathlib import Path

import msgspec
import pytest

from edge_agent.bundle import Bundle, BundleError, LoadedBundle
from edge_agent.daemon.models import Models, versions


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bundles whose golden vectors were replayed, by their source."""
    seen: list[str] = []
    verify = Bundle.verify_golden

    def noted(self: Bundle, loaded: LoadedBundle | None = None) -> None:
        seen.append(self.source)
        verify(self, loaded)

    monkeypatch.setattr(Bundle, "verify_golden", noted)
    return seen


def test_equal_bundles_are_loaded_once_wherever_they_lie(
    bundle_file: Path, verifications: list[str]
) -> None:
    copy = bundle_file.with_name("copy.edgemodel")
    copy.write_bytes(bundle_file.read_bytes())
    models = Models(None)
    first, second = models.load(str(bundle_file)), models.load(str(copy))
    assert first is second
    assert len(verifications) == 1


def test_a_bundle_is_verified_once_and_remembered(
    tmp_path: Path, bundle_file: Path, verifications: list[str]
) -> None:
    for _ in range(2):
        Models(tmp_path / "verified.json").load(str(bundle_file))
    assert len(verifications) == 1


def test_what_another_process_has_verified_is_not_verified_again(
    tmp_path: Path, bundle_file: Path, verifications: list[str]
) -> None:
    Models(tmp_path / "verified.json").vouch(Bundle.read(bundle_file).sha256)
    Models(tmp_path / "verified.json").load(str(bundle_file))
    assert verifications == []


@pytest.mark.parametrize("what", ["edge-agent", "numpy", "PyWavelets", "machine"])
def test_a_bundle_is_verified_again_under_other_versions_or_on_another_machine(
    tmp_path: Path, bundle_file: Path, verifications: list[str], what: str
) -> None:
    remembered = tmp_path / "verified.json"
    Models(remembered).load(str(bundle_file))
    entries = msgspec.json.decode(remembered.read_bytes())
    for entry in entries.values():
        assert what in entry
        entry[what] = "0.9"
    remembered.write_bytes(msgspec.json.encode(entries))
    Models(remembered).load(str(bundle_file))
    assert len(verifications) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[1]"])
def test_a_damaged_memory_only_costs_a_verification(
    tmp_path: Path, bundle_file: Path, verifications: list[str], content: bytes
) -> None:
    (tmp_path / "verified.json").write_bytes(content)
    Models(tmp_path / "verified.json").load(str(bundle_file))
    assert len(verifications) == 1


def test_a_bundle_that_was_refused_is_refused_again(tmp_path: Path) -> None:
    (tmp_path / "b.edgemodel").write_bytes(b"PK")
    models = Models(None)
    for _ in range(2):
        with pytest.raises(BundleError, match=r"b\.edgemodel"):
            models.load(str(tmp_path / "b.edgemodel"))


def test_a_bundle_without_a_network_is_verified_without_an_interpreter(
    tmp_path: Path,
    plain_bundle: bytes,
    verifications: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "plain.edgemodel"
    path.write_bytes(plain_bundle)
    models = Models(None)
    monkeypatch.setattr("edge_agent.pipeline.runtime.RUNTIMES", {})
    assert models.load(str(path)).manifest.flow.model.quantization == "none"
    assert len(verifications) == 1


def test_the_versions_name_the_interpreter() -> None:
    assert {"tflite-runtime", "ai-edge-litert"} & set(versions())
