import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import (
    Bundle,
    BundleError,
    BundleUnavailableError,
    Manifest,
    encode_bundle,
)
from edge_agent.bundle.archive import write_archive
from edge_agent.pipeline.denoise import DenoiseSpec

Plain = dict[str, Any]


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_manifest(content: bytes, change: Callable[[Plain], object]) -> bytes:
    """The bundle with a changed manifest and everything else as it was."""
    found = members(content)
    plain = json.loads(found["manifest.json"])
    change(plain)
    return write_archive(found | {"manifest.json": json.dumps(plain).encode()})


def sealed(content: bytes, **changes: bytes) -> bytes:
    """The bundle with changed members and a manifest that states their digests."""
    found = members(content) | {name.replace("_", "."): data for name, data in changes.items()}
    plain = json.loads(found.pop("manifest.json"))
    plain["members"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in found.items()
    }
    return write_archive({"manifest.json": json.dumps(plain).encode(), **found})


def test_a_bundle_is_read_and_verified(bundle_file: Path, manifest: Manifest) -> None:
    bundle = Bundle.read(bundle_file)

    bundle.verify_golden()
    assert bundle.sha256 == hashlib.sha256(bundle_file.read_bytes()).hexdigest()
    assert msgspec.structs.replace(bundle.manifest, members={}) == manifest
    assert bundle.report == b"<html>report</html>"
    assert bundle.source == str(bundle_file)


def test_a_bundle_for_feature_tables_is_read_and_verified(features_bundle_file: Path) -> None:
    bundle = Bundle.read(features_bundle_file)

    bundle.verify_golden()
    assert bundle.report is None
    assert len(bundle.golden.samples) == 0


def test_the_same_parts_give_the_same_bytes(samples_bundle: bytes) -> None:
    bundle = Bundle.decode(samples_bundle)

    again = encode_bundle(bundle.manifest, bundle.model, bundle.golden, bundle.report)

    assert again == samples_bundle


def test_flows_of_one_bundle_share_what_it_loaded(samples_bundle: bytes) -> None:
    bundle = Bundle.decode(samples_bundle)
    loaded = bundle.load()

    bundle.verify_golden(loaded)
    bundle.verify_golden(loaded)
    assert loaded.flow().state() == bundle.load().flow().state()


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nothing\.edgemodel: cannot be read: No such file"):
        Bundle.read(tmp_path / "nothing.edgemodel")


def test_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        Bundle.read(tmp_path)


def test_an_oversized_file_is_refused_without_reading_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "large.edgemodel"
    with path.open("wb") as file:
        file.truncate(10 << 30)

    with pytest.raises(BundleError, match="larger than"):
        Bundle.read(path)


def test_a_truncated_bundle_is_refused_with_a_reason(samples_bundle: bytes) -> None:
    for length in range(0, len(samples_bundle), 100):
        with pytest.raises(BundleError, match=r"^x\.edgemodel: .+"):
            Bundle.decode(samples_bundle[:length], "x.edgemodel")


def test_any_changed_byte_is_refused_or_changes_nothing(samples_bundle: bytes) -> None:
    rng = np.random.default_rng(4)
    right = Bundle.decode(samples_bundle)
    for at in rng.integers(0, len(samples_bundle), 400):
        content = bytearray(samples_bundle)
        content[at] ^= int(rng.integers(1, 256))
        try:
            found = Bundle.decode(bytes(content))
        except BundleError:
            continue
        assert (found.manifest, found.model, found.report) == (
            right.manifest,
            right.model,
            right.report,
        )
        assert found.golden.encode() == right.golden.encode()


def test_an_extra_member_is_refused(samples_bundle: bytes) -> None:
    with pytest.raises(BundleError, match=r"'run\.sh' found"):
        Bundle.decode(write_archive(members(samples_bundle) | {"run.sh": b""}))


@pytest.mark.parametrize("name", ["manifest.json", "golden.npz"])
def test_a_missing_member_is_refused(samples_bundle: bytes, name: str) -> None:
    found = members(samples_bundle)
    del found[name]

    with pytest.raises(BundleError, match=f"'{name}' is missing"):
        Bundle.decode(write_archive(found))


def test_a_bundle_without_a_network_needs_no_interpreter(
    plain_bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.pipeline.runtime.RUNTIMES", {})

    bundle = Bundle.decode(plain_bundle)

    bundle.verify_golden()
    assert bundle.model is None
    assert set(members(plain_bundle)) == {"manifest.json", "golden.npz"}


def test_a_network_without_its_file_is_refused(samples_bundle: bytes) -> None:
    found = members(samples_bundle)
    del found["model.tflite"]

    def change(plain: Plain) -> None:
        del plain["members"]["model.tflite"]

    with pytest.raises(BundleError, match=r"family is forecaster, and model\.tflite is missing"):
        Bundle.decode(with_manifest(write_archive(found), change))


def test_a_file_without_its_network_is_refused(plain_bundle: bytes, model_bytes: bytes) -> None:
    with pytest.raises(BundleError, match=r"family is none, and model\.tflite is there"):
        Bundle.decode(sealed(plain_bundle, model_tflite=model_bytes))


def test_a_member_that_the_manifest_does_not_state_is_refused(samples_bundle: bytes) -> None:
    with pytest.raises(BundleError, match=r"the archive holds .*report\.html"):
        Bundle.decode(with_manifest(samples_bundle, lambda m: m["members"].pop("report.html")))


@pytest.mark.parametrize("name", ["model.tflite", "golden.npz", "report.html"])
@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"size": 1}])
def test_a_member_of_another_digest_or_size_is_refused(
    samples_bundle: bytes, name: str, wrong: dict[str, object]
) -> None:
    def change(plain: Plain) -> None:
        plain["members"][name].update(wrong)

    with pytest.raises(BundleError, match=f"'{name}' has .* the manifest states"):
        Bundle.decode(with_manifest(samples_bundle, change))


def set_at(*path: str | int, to: object) -> Callable[[Plain], None]:
    def change(plain: Any) -> None:
        for key in path[:-1]:
            plain = plain[key]
        plain[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_at("surprise", to=1), "unknown field `surprise`"),
        (set_at("feature_hash", to="0" * 64), "feature_hash 000000000000... does not match"),
        (set_at("flow", "features", 0, "version", to="2"), "feature_hash"),
        (set_at("flow", "feature_names", 0, to="y_rms"), "feature_hash"),
        (set_at("flow", "model", "targets", to=[0, 11]), "index is outside"),
        (set_at("flow", "model", "targets", to=[-1, 0]), "index is outside"),
        (set_at("flow", "gate", "features", to=[11]), "index is outside"),
        (set_at("flow", "level", "features", to=[11]), "index is outside"),
        (set_at("flow", "scaler", "offset", to=[0.0]), "differ in length"),
        (set_at("flow", "level", "threshold", to=0.0), "level.threshold"),
        (set_at("flow", "threshold", "value", to=-1.0), "threshold.value"),
        (set_at("flow", "alarm", "k", to=9), "alarm.k"),
        (set_at("flow", "input", "length", to=10**12), "input.length"),
        (set_at("version", to="one"), "version"),
        (set_at("version", to=f"1.0.{'0' * 77}"), "version has 81 characters, allowed: 80 at most"),
        (set_at("schema_version", to=2), "schema_version is 2, allowed: 1"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    samples_bundle: bytes, change: Callable[[Plain], None], said: str
) -> None:
    with pytest.raises(BundleError, match=r"^m: manifest\.json: .*" + said.replace(".", r"\.")):
        Bundle.decode(with_manifest(samples_bundle, change), "m")


def test_a_scaler_or_scorer_of_another_size_is_refused(samples_bundle: bytes) -> None:
    ten = {"transform": ["log"] * 10, "offset": [0.0] * 10, "scale": [1.0] * 10}
    two = {"mean": [0.0] * 2, "scale": [1.0] * 2, "precision": [[1.0, 0.0], [0.0, 1.0]]}
    for change in (
        set_at("flow", "scaler", to={"kind": "standard", **ten}),
        set_at("flow", "scorer", to={"kind": "mahalanobis", **two}),
    ):
        with pytest.raises(BundleError, match="does not fit 11 features"):
            Bundle.decode(with_manifest(samples_bundle, change))


def test_a_table_whose_columns_are_not_the_features_is_refused(features_bundle: bytes) -> None:
    change = set_at("flow", "input", "channels", to=["x_rms", "x_peak"])

    with pytest.raises(BundleError, match=r"input\.channels"):
        Bundle.decode(with_manifest(features_bundle, change))


def test_a_feature_name_that_comes_twice_is_refused(
    manifest: Manifest, samples_bundle: bytes
) -> None:
    names = manifest.flow.feature_names
    change = set_at("flow", "feature_names", to=[*names[:-1], names[0]])

    with pytest.raises(BundleError, match="feature_names"):
        Bundle.decode(with_manifest(samples_bundle, change))


def test_a_feature_plugin_that_is_missing_or_another_version_is_refused(
    manifest: Manifest, samples_bundle: bytes
) -> None:
    from edge_agent.pipeline.features import feature_hash

    bundle = Bundle.decode(samples_bundle)
    first, *rest = manifest.flow.features
    for spec, said, error in (
        (msgspec.structs.replace(first, version="99"), "version 99", BundleUnavailableError),
        (msgspec.structs.replace(first, plugin="no_such"), "no_such", BundleUnavailableError),
        (msgspec.structs.replace(first, options={"x": 1}), "rms", BundleError),
    ):
        flow = msgspec.structs.replace(manifest.flow, features=(spec, *rest))
        digest = feature_hash(flow.features, flow.feature_names)
        changed = msgspec.structs.replace(manifest, flow=flow, feature_hash=digest)
        content = encode_bundle(changed, bundle.model, bundle.golden)
        with pytest.raises(BundleError, match=f"^p: .*{said}") as caught:
            Bundle.decode(content, "p").verify_golden()
        assert type(caught.value) is error


def test_numbers_that_do_not_go_together_are_refused(
    manifest: Manifest, samples_bundle: bytes
) -> None:
    bundle = Bundle.decode(samples_bundle)
    denoise = DenoiseSpec(length=32, level=9)
    flow = msgspec.structs.replace(manifest.flow, denoise=denoise)
    changed = msgspec.structs.replace(manifest, flow=flow)
    content = encode_bundle(changed, bundle.model, bundle.golden)
    with pytest.raises(BundleError, match=r"^d: denoise\.length 32 allows 2 levels"):
        Bundle.decode(content, "d").verify_golden()


def test_what_is_no_model_is_refused_with_a_reason(samples_bundle: bytes) -> None:
    bundle = Bundle.decode(sealed(samples_bundle, model_tflite=b"no model"), "m")

    with pytest.raises(BundleError, match=r"^m: model\.tflite: the model cannot be loaded"):
        bundle.load()
    with pytest.raises(BundleError, match=r"model\.tflite"):
        bundle.verify_golden()


def test_a_model_of_another_shape_is_refused_with_a_reason(samples_bundle: bytes) -> None:
    golden = Path(__file__).parents[1] / "golden"
    other = (golden / "window_forecaster.tflite").read_bytes()

    with pytest.raises(BundleError, match=r"model\.tflite: model has inputs \['x'\]"):
        Bundle.decode(sealed(samples_bundle, model_tflite=other)).load()


def test_damaged_golden_vectors_are_refused(samples_bundle: bytes) -> None:
    with pytest.raises(BundleError, match=r"^g: golden\.npz: damaged"):
        Bundle.decode(sealed(samples_bundle, golden_npz=b"PK"), "g")


def test_golden_vectors_that_this_machine_computes_otherwise_are_refused(
    samples_bundle: bytes,
) -> None:
    bundle = Bundle.decode(samples_bundle)
    wrong = replace(bundle.golden, scores=bundle.golden.scores * 1.01)

    with pytest.raises(BundleError, match=r"^w: golden window 10: score is"):
        Bundle.decode(encode_bundle(bundle.manifest, bundle.model, wrong), "w").verify_golden()
