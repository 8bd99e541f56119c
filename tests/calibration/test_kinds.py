import numpy as np
import pytest

from edge_agent.calibration.choices import ScalerChoice
from edge_agent.calibration.kinds import level_columns, split_name, target_columns, unscaled
from edge_agent.pipeline.scaler import ScalerSpec
from trainer.recipe import load_recipe

DEFAULT = load_recipe("default")
NAMES = (
    *(f"a_{n}" for n in ("rms", "mean_abs", "peak", "kurtosis", "skewness", "crest_factor")),
    "a_band_energy_0",
    "b_mean_abs",
    "b_peak",
    "load",
)


def _unscaled(names: tuple[str, ...] = NAMES, **columns: float) -> ScalerSpec:
    vectors = np.ones((30, len(names)), dtype=np.float32)
    for name, value in columns.items():
        vectors[7, names.index(name)] = value
    return unscaled(DEFAULT.scaler, names, vectors)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("b1_rms", ("b1", "rms")),
        ("b1_velocity_rms", ("b1", "velocity_rms")),
        ("b1_mean_abs", ("b1", "mean_abs")),
        ("b1_peak_to_peak", ("b1", "peak_to_peak")),
        ("drive_end_band_energy_7", ("drive_end", "band_energy_7")),
        ("value", ("value", "")),
        ("b1_bpfo", ("b1_bpfo", "")),
    ],
)
def test_a_name_is_split_into_channel_and_feature(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts


def test_the_level_of_a_channel_is_its_rms_or_what_comes_closest() -> None:
    assert {NAMES[i] for i in level_columns(NAMES)} == {"a_rms", "b_mean_abs"}
    assert level_columns(("a_std", "a_mean_abs")) == (0,)


def test_a_series_of_other_numbers_has_no_level() -> None:
    assert level_columns(("value", "b1_kurtosis", "b1_peak")) == ()


def test_targets_are_the_features_that_the_recipe_names_or_all() -> None:
    baosight = load_recipe("baosight")
    assert target_columns(baosight.targets, ("a_rms", "a_peak", "b_rms")) == (0, 2)
    assert target_columns(baosight.targets, ("value", "a_velocity_rms")) == (0, 1)
    assert target_columns(DEFAULT.targets, NAMES) == tuple(range(len(NAMES)))


def test_what_follows_the_level_is_taken_relative_to_the_level_of_its_channel() -> None:
    found = _unscaled()
    relative = {
        NAMES[i]: (NAMES[found.reference[i]], found.power[i])
        for i in range(len(NAMES))
        if found.power[i]
    }
    assert relative == {
        "a_mean_abs": ("a_rms", 1.0),
        "a_peak": ("a_rms", 1.0),
        "a_band_energy_0": ("a_rms", 2.0),
        "b_peak": ("b_mean_abs", 1.0),
    }


def test_amplitudes_ratios_energies_and_kurtosis_are_taken_by_their_logarithm() -> None:
    found = _unscaled()
    plain = {name for name, t in zip(NAMES, found.transform, strict=True) if t == "identity"}
    assert plain == {"a_skewness", "load"}
    assert [NAMES[i] for i, s in enumerate(found.shift) if s == 3.0] == ["a_kurtosis"]


def test_a_level_that_was_0_is_no_reference_for_its_own_channel_only() -> None:
    found = _unscaled(a_rms=0.0)
    assert found.transform[NAMES.index("a_rms")] == "identity"
    assert [NAMES[i] for i, p in enumerate(found.power) if p] == ["b_peak"]


def test_a_kurtosis_of_minus_3_stays_as_it_is() -> None:
    found = _unscaled(a_kurtosis=-3.0)
    at = NAMES.index("a_kurtosis")
    assert (found.transform[at], found.shift[at]) == ("identity", 0.0)


def test_a_recipe_without_the_transform_leaves_every_number_as_it_is() -> None:
    found = unscaled(
        load_recipe("baosight").scaler, NAMES, np.ones((5, len(NAMES)), dtype=np.float32)
    )
    assert set(found.transform) == {"identity"}
    assert not any(found.power)


def test_logarithms_of_everything_leave_out_what_is_not_always_above_0() -> None:
    choice = ScalerChoice(kind="standard", transform="log")
    found = unscaled(choice, ("value", "load"), np.array([[1.0, 0.0], [2.0, 3.0]], np.float32))
    assert found.transform == ("log", "identity")
    assert not found.reference
