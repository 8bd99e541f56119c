"""Injected faults show where they should and nowhere else."""

from typing import get_args

import numpy as np
import pytest

from trainer.injected import FaultKind, inject, possible_faults

NAMES = tuple(
    f"{channel}_{feature}"
    for channel in ("a", "b")
    for feature in ("rms", "peak", "kurtosis", *(f"band_energy_{i}" for i in range(4)))
)
RNG = np.random.default_rng(5)
HEALTHY = np.exp(0.1 * RNG.standard_normal((200, len(NAMES)))).astype(np.float32)
FULL = np.full(len(HEALTHY), 3.0)


def _changed(kind: FaultKind) -> set[str]:
    spoilt = inject(HEALTHY, NAMES, kind, FULL, HEALTHY)
    return {name for i, name in enumerate(NAMES) if (spoilt[:, i] != HEALTHY[:, i]).any()}


@pytest.mark.parametrize("kind", ["louder", "spectrum", "impulsive"])
def test_a_fault_of_size_nought_changes_nothing(kind: FaultKind) -> None:
    same = inject(HEALTHY, NAMES, kind, np.zeros(len(HEALTHY)), HEALTHY)
    assert same == pytest.approx(HEALTHY, rel=1e-6)


def test_a_louder_channel_raises_amplitudes_and_energies_but_no_shape() -> None:
    assert _changed("louder") == {"a_rms", "a_peak", *(f"a_band_energy_{i}" for i in range(4))}
    spoilt = inject(HEALTHY, NAMES, "louder", FULL, HEALTHY)
    rise = spoilt[:, 0] / HEALTHY[:, 0]
    assert spoilt[:, 3] / HEALTHY[:, 3] == pytest.approx(rise**2, rel=1e-4)
    assert np.log(rise) == pytest.approx(0.3, rel=0.2)  # three scales of a tenth


def test_a_changed_spectrum_leaves_the_energy_as_it_was() -> None:
    bands = [i for i, name in enumerate(NAMES) if name.startswith("a_band")]
    assert _changed("spectrum") == {NAMES[i] for i in bands}
    spoilt = inject(HEALTHY, NAMES, "spectrum", FULL, HEALTHY)
    assert spoilt[:, bands].sum(axis=1) == pytest.approx(HEALTHY[:, bands].sum(axis=1), rel=1e-4)


def test_impulses_raise_kurtosis_and_peak_alone() -> None:
    assert _changed("impulsive") == {"a_kurtosis", "a_peak"}


def test_a_series_of_other_numbers_is_shifted() -> None:
    values = RNG.standard_normal((300, 1)).astype(np.float32)
    assert possible_faults(("value",)) == ("shifted",)
    spoilt = inject(values, ("value",), "shifted", np.full(300, 2.0), values)
    assert (spoilt - values).mean() == pytest.approx(2.0, rel=0.2)


def test_a_fault_that_the_vectors_cannot_show_is_refused() -> None:
    assert set(possible_faults(NAMES)) == set(get_args(FaultKind)) - {"shifted"}
    with pytest.raises(ValueError, match=r"fault spectrum in vectors of .*, allowed: louder"):
        inject(HEALTHY[:, :2], NAMES[:2], "spectrum", FULL, HEALTHY[:, :2])
