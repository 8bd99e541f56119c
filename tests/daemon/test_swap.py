from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace as changed
from numpy.typing import NDArray
from rigs import other

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.config.settings import Asset, SensorSettings
from edge_agent.daemon.judged import Judged
from edge_agent.daemon.models import Models
from edge_agent.daemon.swap import SLICE, Past, Swap
from edge_agent.pipeline.flow import Flow
from edge_agent.plugin import Block

Vibration = Callable[..., NDArray[np.float32]]
RATE_HZ, WINDOW_NS, NEEDED = 1024.0, 250_000_000, 40


@pytest.fixture
def loaded(bundle_file: Path) -> LoadedBundle:
    bundle = Models(None).load(str(bundle_file))
    spec = bundle.manifest.flow
    model = changed(spec.model, washout_vectors=NEEDED)
    flow = changed(spec, model=model)
    return replace(bundle, manifest=changed(bundle.manifest, flow=flow))


def after(bundle: LoadedBundle, vibration: Vibration, windows: int, first: int = 0) -> Flow:
    flow = bundle.flow()
    samples = vibration(first + windows)[first * 256 :]
    assert list(flow.push_block(Block(samples, first * WINDOW_NS, RATE_HZ, "g", ("x",))))
    return flow


def swap(bundle: LoadedBundle, former: Flow, *, same: bool = False) -> Swap:
    judged = Judged(Asset(name="a", bundle="b", sensor=SensorSettings(plugin="bench")), bundle)
    return Swap(judged, bundle, bundle.flow(), former, lambda _: None, same=same)


def test_it_takes_over_after_slices_of_what_the_former_remembers(
    loaded: LoadedBundle, vibration: Vibration
) -> None:
    former = after(loaded, vibration, 60)
    found = swap(other(loaded), former)
    assert found.missing == 0
    steps = 1
    while not found.advance(former):
        steps += 1
    assert steps == NEEDED // SLICE
    assert (found.begun, found.windows, found.flow.index) == ("warmed", NEEDED, 60)
    assert found.flow.scorer.washout_left == 0


def test_windows_that_come_meanwhile_warm_it_up_too(
    loaded: LoadedBundle, vibration: Vibration
) -> None:
    former = after(loaded, vibration, 60)
    found = swap(other(loaded), former)
    assert not found.advance(former)
    late = vibration(62)[60 * 256 :]
    assert len(list(former.push_block(Block(late, 60 * WINDOW_NS, RATE_HZ, "g", ("x",))))) == 2
    while not found.advance(former):
        pass
    assert (found.windows, found.flow.index) == (NEEDED + 2, 62)


def test_what_the_former_does_not_remember_comes_from_elsewhere_and_each_window_once(
    loaded: LoadedBundle, vibration: Vibration
) -> None:
    whole = after(loaded, vibration, 60)
    former = after(loaded, vibration, 15, first=45)
    found = swap(other(loaded), former)
    assert found.missing == NEEDED - 15
    past: list[Past] = list(whole.scorer.recent)
    found.remember(past)
    while not found.advance(former):
        pass
    assert found.windows == NEEDED
    expected = other(loaded).flow()
    expected.warm_up(whole.scorer.recent)
    assert np.array_equal(
        np.array([vector for _, vector in found.flow.scorer.recent]),
        np.array([vector for _, vector in expected.scorer.recent]),
    )
    nothing = swap(other(loaded), after(loaded, vibration, 3))
    nothing.remember([])
    assert nothing.missing == 0


def test_the_same_network_keeps_all_of_its_state(
    loaded: LoadedBundle, vibration: Vibration
) -> None:
    former = after(loaded, vibration, 60)
    state = former.state()
    found = swap(loaded, former, same=True)
    assert found.advance(former)
    assert found.begun == "restored"
    assert found.flow.state() == state
    assert str(found) == "all state goes on"
