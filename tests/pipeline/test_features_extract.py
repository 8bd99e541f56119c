"""Vectors are ordered, named and checked; whoever is to blame is named."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.features import (
    FeatureExtractor,
    FeatureSpec,
    feature_hash,
    installed_spec,
)
from edge_agent.plugin import FeatureError, FeatureInput, PluginError, discovery, load
from edge_agent.testing import check_feature

GIVEN = FeatureInput(256, 1000.0, "g", ("b1", "b2"))

PLUGIN = """
import msgspec, numpy
from edge_agent.plugin import FeatureError, NoOptions

class Odd:
    api_version, version, options = 1, "1", NoOptions
    outputs = {outputs}
    def __init__(self, options, given):
        {construct}
    def compute(self, window):
        {compute}
"""

Install = Callable[..., None]


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs the feature ``odd`` with the given bodies."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def install(compute: str, construct: str = "pass", outputs: str = "('odd',)") -> None:
        source = PLUGIN.format(outputs=outputs, construct=construct, compute=compute)
        (tmp_path / "odd_feature.py").write_text(source)
        metadata = tmp_path / "odd_feature-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[edge_agent.features]\nodd = odd_feature:Odd\n")
        importlib.invalidate_caches()
        discovery.rescan()

    yield install
    sys.modules.pop("odd_feature", None)
    monkeypatch.undo()
    discovery.rescan()


BUILT_IN = [
    name
    for name, record in discovery.discover("features").items()
    if record.distribution == "edge-agent"
]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_keeps_the_promises_of_a_feature(name: str) -> None:
    check_feature(load("features", name), {}, FeatureInput(2567, 2560.0, "g", ("x", "y", "z")))


def samples(seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).standard_normal((256, 2))
    return (noise * [1, 2] + [5, 0]).astype(np.float32)


def extractor(*plugins: str) -> FeatureExtractor:
    return FeatureExtractor([installed_spec(plugin) for plugin in plugins], GIVEN)


def test_names_go_channel_by_channel_in_the_order_of_the_specs() -> None:
    assert extractor("peak", "rms").names == ("b1_peak", "b1_rms", "b2_peak", "b2_rms")
    bands = extractor("band_energies", "rms").names
    assert bands[:9] == (*(f"b1_band_energy_{band}" for band in range(8)), "b1_rms")
    assert bands[9] == "b2_band_energy_0"


def test_the_vector_is_in_the_order_of_the_names() -> None:
    window = samples()
    both = extractor("peak", "rms")
    vector, bias = both.compute(window)
    centred = window - window.mean(axis=0)
    expected = {
        "b1_peak": np.abs(centred[:, 0]).max(),
        "b1_rms": np.sqrt((centred[:, 0] ** 2).mean()),
        "b2_peak": np.abs(centred[:, 1]).max(),
        "b2_rms": np.sqrt((centred[:, 1] ** 2).mean()),
    }
    found = dict(zip(both.names, vector.tolist(), strict=True))
    assert found == pytest.approx({k: float(v) for k, v in expected.items()}, rel=1e-5)
    assert vector.dtype == bias.dtype == np.float32
    assert bias == pytest.approx(window.mean(axis=0), abs=1e-5)


def test_a_vector_stays_what_it_was_when_the_next_window_comes() -> None:
    features = extractor("rms", "kurtosis", "band_energies")
    vector, bias = features.compute(samples(1))
    kept, kept_bias = vector.copy(), bias.copy()
    features.compute(samples(2))
    assert np.array_equal(vector, kept)
    assert np.array_equal(bias, kept_bias)
    assert np.array_equal(features.compute(samples(1))[0], kept)


def test_no_features_give_an_empty_vector() -> None:
    vector, bias = extractor().compute(samples())
    assert vector.shape == (0,)
    assert bias.shape == (2,)


def test_a_window_of_another_shape_is_refused() -> None:
    with pytest.raises(FeatureError, match=r"\(256, 2\): found \(255, 2\)"):
        extractor("rms").compute(samples()[1:])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused_with_their_channel(wrong: float) -> None:
    window = samples()
    window[17, 1] = wrong
    with pytest.raises(FeatureError, match="samples are not finite in channel b2"):
        extractor("rms").compute(window)


def test_samples_too_large_for_a_feature_are_refused_with_its_name() -> None:
    window = samples() * np.array([1, 1e25], np.float32)
    with pytest.raises(FeatureError, match=r"plugin 'rms' returned .* not finite: b2_rms$"):
        extractor("peak", "rms").compute(window)


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        ("return 1 / 0", "'odd' raised ZeroDivisionError: division by zero"),
        ("raise FeatureError('too quiet')", "'odd': too quiet"),
        ("return numpy.zeros(2)", r"'odd' must return .* \(2, 1\): found shape \(2,\)"),
        ("return None", r"'odd' must return .* \(2, 1\): found None"),
        ("return numpy.full((2, 1), numpy.nan)", "'odd' returned .* not finite: b1_odd, b2_odd"),
    ],
)
def test_a_plugin_that_breaks_its_promise_is_named(
    odd: Install, compute: str, message: str
) -> None:
    odd(compute)
    features = extractor("rms", "odd")
    with pytest.raises(FeatureError, match=f"feature plugin {message}"):
        features.compute(samples())


def test_a_plugin_that_cannot_be_constructed_is_named(odd: Install) -> None:
    odd("pass", construct="raise OSError('no table')")
    with pytest.raises(FeatureError, match="feature plugin 'odd' raised OSError: no table"):
        extractor("odd")


def test_two_numbers_of_one_name_are_refused(odd: Install) -> None:
    odd("pass", outputs="('rms',)")
    with pytest.raises(FeatureError, match="found rms more than once from odd, rms"):
        extractor("odd", "rms")


def test_a_missing_plugin_is_named() -> None:
    with pytest.raises(FeatureError, match="no feature plugin 'wear' is installed"):
        FeatureExtractor([FeatureSpec("wear", "1")], GIVEN)
    with pytest.raises(PluginError, match="no feature plugin 'wear' is installed"):
        installed_spec("wear")


def test_another_version_of_a_plugin_is_refused() -> None:
    with pytest.raises(FeatureError, match="'rms' must be of version 99: installed is 1"):
        FeatureExtractor([FeatureSpec("rms", "99")], GIVEN)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(FeatureError, match="'rms': unknown option 'x': allowed are none"):
        FeatureExtractor([installed_spec("rms", {"x": 1})], GIVEN)


def test_windows_that_a_feature_cannot_use_are_refused_with_its_name() -> None:
    with pytest.raises(FeatureError, match=r"feature plugin 'velocity_rms': .* at least 2000 Hz"):
        extractor("velocity_rms")


def test_the_hash_of_a_vector_never_changes_between_releases() -> None:
    specs = [FeatureSpec("rms", "1"), FeatureSpec("envelope", "1", {"b": 1.5, "a": [1]})]
    assert (
        feature_hash(specs, ("b1_rms", "b1_bpfo"))
        == "90e39e60bae6d4853311293a90b6b22687b91f9696ad59d0a3cfffa621d3e203"
    )


def test_the_hash_depends_on_everything_but_the_order_of_the_options() -> None:
    spec = FeatureSpec("envelope", "1", {"a": 1, "b": 2})
    same = FeatureSpec("envelope", "1", {"b": 2, "a": 1})
    assert feature_hash([spec], ("x",)) == feature_hash([same], ("x",))
    others = [
        feature_hash([], ("x",)),
        feature_hash([spec], ("y",)),
        feature_hash([spec, spec], ("x",)),
        feature_hash([msgspec.structs.replace(spec, version="2")], ("x",)),
        feature_hash([msgspec.structs.replace(spec, plugin="rms")], ("x",)),
        feature_hash([msgspec.structs.replace(spec, options={"a": 1, "b": 3})], ("x",)),
    ]
    assert len({feature_hash([spec], ("x",)), *others}) == 7


def test_a_spec_survives_json() -> None:
    spec = FeatureSpec("envelope", "1", {"shaft_hz": 30.0, "n_harmonics": 3})
    assert msgspec.json.decode(msgspec.json.encode(spec), type=FeatureSpec) == spec
