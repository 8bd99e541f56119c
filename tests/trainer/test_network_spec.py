from typing import Any

import msgspec
import numpy as np
import pytest

from trainer.networks import FittedNetwork, NetworkError, NetworkSpec

STREAMING: dict[str, Any] = {"family": "forecaster", "form": "streaming", "units": [16]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"units": []}, "units is"),
        ({"units": [0]}, "1024 for each layer"),
        ({"dropout": [0.1, 0.2]}, "dropout has 2 numbers"),
        ({"dropout": 1.0}, "from 0 to below 1"),
        ({"output_bound": 0.0}, "output_bound is 0.0; more than 0"),
        ({"window_length": 50}, "one vector at a time"),
        ({"family": "autoencoder"}, "only form 'window'"),
        ({"form": "window", "cell": "gru"}, "no fused GRU"),
        ({"form": "window", "window_length": 0}, "1 or more"),
        ({"memory_alpha": 0.0}, "above 0, at most 1"),
        ({"form": "window", "memory_alpha": 0.1}, "a window starts from nothing"),
        ({"unit": 4}, "unknown field `unit`"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_with_a_reason(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(STREAMING | change, NetworkSpec)


def test_an_autoencoders_decoder_mirrors_its_encoder() -> None:
    spec = NetworkSpec(family="autoencoder", form="window", units=(16, 4), dropout=(0.1, 0.2))
    assert spec.layer_units == (16, 4, 4, 16)
    assert spec.layer_dropouts == (0.1, 0.2, 0.2, 0.1)


@pytest.mark.parametrize(
    ("change", "size"),
    [({}, 2 * 24), ({"cell": "gru"}, 24), ({"memory_alpha": 0.1}, 2 * 24 + 11)],
)
def test_the_state_holds_what_is_carried(change: dict[str, Any], size: int) -> None:
    spec = msgspec.convert(STREAMING | {"units": [16, 8]} | change, NetworkSpec)
    assert spec.state_size(11) == size


def test_weights_of_another_shape_are_refused_by_name(random_network: Any) -> None:
    good = random_network(msgspec.convert(STREAMING, NetworkSpec), 11, 11)
    with pytest.raises(NetworkError, match=r"array head_bias is \(3,\); \(11,\) is allowed"):
        FittedNetwork(
            spec=good.spec,
            n_inputs=11,
            n_outputs=11,
            layers=good.layers,
            head_kernel=good.head_kernel,
            head_bias=np.zeros(3, dtype=np.float32),
            history=good.history,
            seconds=0.0,
        )
