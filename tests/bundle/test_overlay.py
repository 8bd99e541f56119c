"""An overlay belongs to one asset and one network, and says so when it is held to another."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import Bundle, BundleError
from edge_agent.bundle.overlay import (
    Overlay,
    OverlayError,
    apply_overlay,
    decode_overlay,
    encode_overlay,
    general_part,
    make_overlay,
    read_overlay,
    require_calibrated,
)
from edge_agent.calibration.commission import Commissioned, commission
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model

replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def bundle(general_bundle: bytes) -> Bundle:
    return Bundle.decode(general_bundle, "general.edgemodel")


@pytest.fixture(scope="module")
def commissioned(bundle: Bundle, history: Any, make_series: Any) -> Commissioned:
    general = general_part(bundle)
    spread = np.exp(0.05 * np.random.default_rng(2).standard_normal((90, 22)))
    names = tuple(f"{channel}_{f}" for channel in "ab" for f in general.features)
    series = make_series(np.tile(history[1][:30], (3, 2)) * spread, names)
    return commission(general, series, (0, 80))


@pytest.fixture(scope="module")
def overlay(bundle: Bundle, commissioned: Commissioned) -> Overlay:
    return make_overlay(bundle.manifest, commissioned, (0, 80))


def _resealed(overlay: Overlay, **changes: Any) -> Overlay:
    changed = replace(overlay, **changes)
    return replace(changed, digest=changed.computed_digest())


def test_a_bundle_with_its_overlay_scores_as_it_was_commissioned(
    bundle: Bundle, commissioned: Commissioned, overlay: Overlay
) -> None:
    loaded = apply_overlay(decode_overlay(encode_overlay(overlay)), bundle)
    assert loaded.overlay == overlay.digest
    assert loaded.manifest.flow == commissioned.flow
    expected = Flow(commissioned.flow, commissioned.model)
    flow = loaded.flow()
    for i, vector in enumerate(commissioned.series.vectors):
        assert (
            flow.push_vector(vector, i, i + 1).score == expected.push_vector(vector, i, i + 1).score
        )


def test_assets_of_one_bundle_share_its_interpreter_and_score_as_alone(
    bundle: Bundle, commissioned: Commissioned, overlay: Overlay, history: Any, make_series: Any
) -> None:
    general = general_part(bundle)
    names = tuple(f"c_{f}" for f in general.features)
    spread = np.exp(0.05 * np.random.default_rng(3).standard_normal((90, 11)))
    series = make_series(np.tile(history[1][:30], (3, 1)) * spread, names)
    narrow = make_overlay(bundle.manifest, commission(general, series, (0, 80)), (0, 80))
    wide = apply_overlay(overlay, bundle)
    assert isinstance(wide.model, Model)
    alone, beside = (apply_overlay(narrow, bundle, with_) for with_ in (None, wide.model))
    expected, flow, other = alone.flow(), beside.flow(), wide.flow()
    for i, vector in enumerate(series.vectors):
        other.push_vector(commissioned.series.vectors[i], i, i + 1)
        assert (
            flow.push_vector(vector, i, i + 1).score == expected.push_vector(vector, i, i + 1).score
        )


def test_it_says_what_it_was_made_from(overlay: Overlay, bundle: Bundle) -> None:
    assert (overlay.healthy, overlay.windows) == ((0, 80), 80)
    assert overlay.model_sha256 == bundle.manifest.members["model.tflite"].sha256


@pytest.mark.parametrize("before", ['"healthy": [', '"value": ', '"model_sha256": "'])
def test_a_changed_overlay_is_refused(overlay: Overlay, before: str) -> None:
    text = encode_overlay(overlay).decode()
    at = text.index(before) + len(before)
    digit = next(i for i in range(at, len(text)) if text[i].isdigit())
    other = "1" if text[digit] != "1" else "2"
    with pytest.raises(OverlayError, match=r"o\.json: digest is .*, its content has"):
        decode_overlay((text[:digit] + other + text[digit + 1 :]).encode(), "o.json")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"schema_version": 2}', b"\xff", b"{}"])
def test_what_is_no_overlay_is_refused(content: bytes) -> None:
    with pytest.raises(OverlayError, match=r"^o\.json: "):
        decode_overlay(content, "o.json")


@pytest.mark.parametrize("name", ["model_sha256", "feature_hash"])
def test_an_overlay_of_another_network_or_other_features_is_refused(
    overlay: Overlay, bundle: Bundle, name: str
) -> None:
    other = _resealed(overlay, **{name: "0" * 64})
    with pytest.raises(OverlayError, match=f"overlay's {name} is 0.* commission the asset again"):
        apply_overlay(other, bundle)


def test_an_overlay_that_runs_the_network_otherwise_is_refused(
    overlay: Overlay, bundle: Bundle
) -> None:
    flow = overlay.flow
    washout = replace(flow.model, washout=3)
    with pytest.raises(OverlayError, match="runs the network otherwise"):
        apply_overlay(_resealed(overlay, flow=replace(flow, model=washout)), bundle)
    three = replace(flow.model, positions=11)
    with pytest.raises(OverlayError, match="the overlay does not fit: "):
        apply_overlay(_resealed(overlay, flow=replace(flow, model=three)), bundle)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(OverlayError, match=r"none\.json: cannot be read"):
        read_overlay(tmp_path / "none.json")


def test_a_calibrated_bundle_takes_no_overlay(overlay: Overlay, samples_bundle: bytes) -> None:
    calibrated = Bundle.decode(samples_bundle)
    require_calibrated(calibrated)
    with pytest.raises(BundleError, match=r"form is calibrated, allowed .* general"):
        apply_overlay(overlay, calibrated)


def test_a_general_bundle_alone_is_sound_but_may_not_judge(bundle: Bundle) -> None:
    bundle.verify_golden()
    with pytest.raises(BundleError, match="scores no machine before it is commissioned"):
        require_calibrated(bundle)
