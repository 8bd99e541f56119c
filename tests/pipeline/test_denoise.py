"""Denoising: like PyWavelets over the last vectors, blind to the future, restorable."""

import numpy as np
import pytest
import pywt
from numpy.typing import NDArray

from edge_agent.pipeline.denoise import Denoiser, DenoiseSpec

F32 = NDArray[np.float32]


def noise(n: int = 200, features: int = 3, seed: int = 0) -> F32:
    white = np.random.default_rng(seed).standard_normal((n, features))
    return (white * [1.0, 10.0, 0.1] + [0.0, 100.0, 5.0]).astype(np.float32)


def denoised(vectors: F32, spec: DenoiseSpec) -> F32:
    denoiser = Denoiser(spec, vectors.shape[1])
    return np.array([denoiser.push(vector) for vector in vectors])


def by_pywavelets(history: F32, spec: DenoiseSpec) -> list[float]:
    newest = []
    for series in history.astype(np.float64).T:
        first, *details = pywt.wavedec(series, spec.wavelet, mode=spec.mode, level=spec.level)
        sigma = np.median(np.abs(details[-1])) / 0.6745
        limit = sigma * np.sqrt(2 * np.log(len(series)))
        shrunk = [pywt.threshold(detail, limit, mode="soft") for detail in details]
        newest.append(
            float(pywt.waverec([first, *shrunk], spec.wavelet, mode=spec.mode)[len(series) - 1])
        )
    return newest


SPECS = [
    DenoiseSpec(),
    DenoiseSpec(mode="periodization"),
    DenoiseSpec(mode="reflect", length=33),
    DenoiseSpec(mode="smooth", length=50, level=1),
    DenoiseSpec(wavelet="sym4", length=64, level=3),
    DenoiseSpec(wavelet="haar", length=17, level=3),
]


@pytest.mark.parametrize("spec", SPECS)
def test_the_newest_of_the_last_vectors_is_as_pywavelets_denoises_it(spec: DenoiseSpec) -> None:
    vectors = noise()
    found = denoised(vectors, spec)
    for end in (spec.length, 120, 200):
        expected = by_pywavelets(vectors[end - spec.length : end], spec)
        assert found[end - 1] == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_a_value_depends_on_no_later_vector() -> None:
    vectors = noise()
    changed = vectors.copy()
    changed[120:] += 1000
    assert np.array_equal(
        denoised(vectors, DenoiseSpec())[:120], denoised(changed, DenoiseSpec())[:120]
    )


def test_a_value_depends_on_the_last_length_vectors_alone() -> None:
    vectors = noise()
    changed = vectors.copy()
    changed[:100] += 1000
    spec = DenoiseSpec(length=40)
    later = slice(139, None)
    assert np.array_equal(denoised(vectors, spec)[later], denoised(changed, spec)[later])


def test_noise_is_reduced_and_the_level_kept() -> None:
    vectors = noise(1000)
    quiet = denoised(vectors, DenoiseSpec())[50:]
    assert (quiet.std(axis=0) < 0.75 * vectors.std(axis=0)).all()
    assert quiet.mean(axis=0) == pytest.approx(vectors[50:].mean(axis=0), abs=0.5)


def test_a_step_is_followed_at_once() -> None:
    vectors = noise()
    vectors[100:] += np.array([20, 200, 2], np.float32)
    step = denoised(vectors, DenoiseSpec())[100] - vectors[99]
    assert (step > [10, 100, 1]).all()


def test_a_constant_stays_what_it_is() -> None:
    vectors = np.full((60, 3), 7.25, np.float32)
    assert denoised(vectors, DenoiseSpec()) == pytest.approx(vectors, rel=1e-6)


def test_the_first_vectors_pass_as_they_are() -> None:
    vectors = noise()
    found = denoised(vectors, DenoiseSpec())
    assert np.array_equal(found[:13], vectors[:13])
    assert not np.array_equal(found[14:32], vectors[14:32])


@pytest.mark.parametrize("stop", [0, 5, 20, 31, 32, 90])
def test_restored_it_goes_on_bit_for_bit(stop: int) -> None:
    vectors = noise()
    spec = DenoiseSpec()
    before, after = Denoiser(spec, 3), Denoiser(spec, 3)
    for vector in vectors[:stop]:
        before.push(vector)
    after.restore(before.state())
    for vector in vectors[stop:]:
        assert np.array_equal(before.push(vector), after.push(vector))


def test_the_state_is_a_copy_of_at_most_length_vectors() -> None:
    denoiser = Denoiser(DenoiseSpec(), 3)
    assert denoiser.state().shape == (0, 3)
    for vector in noise():
        denoiser.push(vector)
    state = denoiser.state()
    assert np.array_equal(state, noise()[-32:])
    state[:] = 0
    assert denoiser.state().any()


@pytest.mark.parametrize("shape", [(33, 3), (10, 2), (3,)])
def test_a_state_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(at most 32, 3\): found"):
        Denoiser(DenoiseSpec(), 3).restore(np.zeros(shape, np.float32))


def test_a_length_too_short_for_the_level_is_refused() -> None:
    with pytest.raises(ValueError, match=r"length 20 allows 1 levels with db4: found .*level 2"):
        Denoiser(DenoiseSpec(length=20), 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"length": 1}, "denoise.length is 1, allowed: 2 to 1024"),
        ({"length": 4096}, "denoise.length is 4096, allowed: 2 to 1024"),
        ({"level": 0}, "denoise.level is 0, allowed: 1 and above"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DenoiseSpec(**wrong)  # type: ignore[arg-type]
