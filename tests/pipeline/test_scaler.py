from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.calibration.scaler import fit_scaler, robust_location_scale, unit_scaler
from edge_agent.pipeline.scaler import Scaler, ScalerSpec, Transform

RNG = np.random.default_rng(7)
VECTORS = (RNG.lognormal(size=(200, 3)) * [1.0, 100.0, 1e-3]).astype(np.float32)
PLAIN: tuple[Transform, ...] = ("identity",) * 3
LOGS: tuple[Transform, ...] = ("log",) * 3
MIXED: tuple[Transform, ...] = ("log", "identity", "log")


def test_standard_gives_mean_zero_and_deviation_one() -> None:
    z = Scaler(fit_scaler(VECTORS, unit_scaler("standard", PLAIN))).scale(VECTORS)

    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-5)


def test_min_max_gives_zero_to_one() -> None:
    z = Scaler(fit_scaler(VECTORS, unit_scaler("min_max", PLAIN))).scale(VECTORS)

    np.testing.assert_allclose(z.min(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(z.max(axis=0), 1.0, rtol=1e-6)


def test_robust_gives_median_zero_and_is_not_moved_by_outliers() -> None:
    spoilt = VECTORS.copy()
    spoilt[:4] = 1e6
    robust = unit_scaler("robust", LOGS)

    z = Scaler(fit_scaler(VECTORS, robust)).scale(VECTORS)
    clean, dirty = fit_scaler(VECTORS, robust), fit_scaler(spoilt, robust)

    np.testing.assert_allclose(np.median(z, axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(dirty.scale, clean.scale, rtol=0.5)


def test_each_feature_has_its_own_transform() -> None:
    spec = ScalerSpec(
        kind="standard", transform=("log", "identity"), offset=(1.0, 2.0), scale=(2.0, 4.0)
    )
    vector = np.array([np.e**5, -6.0], np.float32)

    np.testing.assert_allclose(Scaler(spec).scale(vector), [2.0, -2.0], rtol=1e-6)


def test_robust_scales_are_the_standard_deviation_of_normal_numbers() -> None:
    normal = RNG.normal(3.0, [0.1, 1.0, 7.0], (20000, 3))

    location, scale = robust_location_scale(normal)

    np.testing.assert_allclose(location, 3.0, atol=0.2)
    np.testing.assert_allclose(scale, [0.1, 1.0, 7.0], rtol=0.03)


def test_widening_multiplies_the_scales() -> None:
    unscaled = unit_scaler("robust", LOGS)
    plain, wide = fit_scaler(VECTORS, unscaled), fit_scaler(VECTORS, unscaled, widen=1.5)

    assert wide.offset == plain.offset
    np.testing.assert_allclose(wide.scale, np.array(plain.scale) * 1.5)


def test_features_relative_to_the_level_do_not_change_with_it() -> None:
    spec = ScalerSpec(
        kind="robust",
        transform=LOGS,
        shift=(0.0, 3.0, 0.0),
        reference=(0, 0, 0),
        power=(0.0, 0.0, 2.0),
        offset=(0.0, 0.0, 0.0),
        scale=(1.0, 1.0, 1.0),
    )
    rms, kurtosis, energy = 0.5, 1.0, 0.04
    scaler = Scaler(spec)

    z = scaler.scale(np.array([rms, kurtosis, energy], np.float32))
    louder = scaler.scale(np.array([10 * rms, kurtosis, 100 * energy], np.float32))

    np.testing.assert_allclose(
        z, [np.log(rms), np.log(kurtosis + 3), np.log(energy / rms**2)], rtol=1e-5
    )
    np.testing.assert_allclose(louder - z, [np.log(10), 0, 0], atol=1e-5)


def test_one_vector_and_many_give_the_same_bits_in_float32() -> None:
    scaler = Scaler(fit_scaler(VECTORS, unit_scaler("standard", MIXED)))

    many = scaler.scale(VECTORS)

    assert many.dtype == np.float32
    np.testing.assert_array_equal(many, np.array([scaler.scale(v) for v in VECTORS]))


@pytest.mark.parametrize("kind", ["standard", "min_max", "robust"])
@pytest.mark.filterwarnings("error")
def test_a_constant_or_dead_feature_gives_finite_numbers(kind: Any) -> None:
    dead = np.zeros((50, 2), np.float32)
    dead[:, 1] = 3.0

    scaler = Scaler(fit_scaler(dead, unit_scaler(kind, ("log", "identity"))))

    np.testing.assert_allclose(scaler.scale(dead), 0.0, atol=1e-4)


def test_only_what_the_network_sees_is_clipped() -> None:
    spec = fit_scaler(VECTORS, unit_scaler("standard", PLAIN, input_clip=1.5))
    scaler = Scaler(spec)

    z = scaler.scale(VECTORS)

    assert np.abs(z).max() > 1.5
    np.testing.assert_array_equal(scaler.clip(z), np.clip(z, -1.5, 1.5))
    unclipped = Scaler(msgspec.structs.replace(spec, input_clip=None))
    np.testing.assert_array_equal(unclipped.clip(z), z)


def test_a_number_beyond_all_measure_stays_finite() -> None:
    scaler = Scaler(
        ScalerSpec(kind="standard", transform=("identity",), offset=(0.0,), scale=(1e-6,))
    )

    assert np.isfinite(scaler.scale(np.array([3e38], np.float32))).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"offset": [0.0]}, "differ in length"),
        ({"scale": [1.0, 0.0]}, "scaler.scale"),
        ({"scale": [1.0, -1.0]}, "scaler.scale"),
        ({"transform": ["log", "sqrt"]}, "Invalid enum value 'sqrt'"),
        ({"input_clip": 0.0}, "scaler.input_clip"),
        ({"input_clip": -2.0}, "scaler.input_clip"),
        ({"surplus": 1}, "surplus"),
        ({"shift": [0.0, 0.0]}, "scaler.shift"),
        ({"shift": [0.0, 0.0], "reference": [0, 2], "power": [1.0, 1.0]}, "scaler.reference"),
        ({"offset": [0.0, 1e39]}, "does not fit float32"),
        ({"scale": [1e-320, 1.0]}, "does not fit float32"),
    ],
)
def test_a_scaler_that_cannot_scale_is_refused(wrong: dict[str, object], said: str) -> None:
    right = {
        "kind": "standard",
        "transform": ["identity", "log"],
        "offset": [0.0, 0.0],
        "scale": [1.0, 1.0],
    }

    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(right | wrong, ScalerSpec)
