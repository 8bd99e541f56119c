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
        ({"family": "autoencoder"}, "need a window: form 'window'"),
        ({"family": "forecast_reconstruct"}, "need a window: form 'window'"),
        ({"bidirectional": True}, "need a window: form 'window'"),
        ({"linear_in": 0}, "linear_in is 0; one to 1024"),
        ({"quantiles": [0.5]}, "two or more, rising in \\(0, 1\\)"),
        ({"quantiles": [0.9, 0.1]}, "two or more, rising"),
        ({"quantiles": [0.1, 0.9], "memory_alpha": 0.1}, "without quantiles"),
        (
            {"family": "autoencoder", "form": "window", "quantiles": [0.1, 0.9]},
            "quantiles go with family 'forecaster'",
        ),
        ({"horizon": 0}, "horizon is 0; 1 to 100"),
        ({"horizon": 2, "form": "window"}, "a horizon goes with form 'streaming'"),
        ({"form": "window", "cell": "gru"}, "no fused GRU"),
        ({"form": "window", "window_length": 0}, "1 or more"),
        ({"memory_alpha": 0.0}, "above 0, at most 1"),
        ({"form": "window", "memory_alpha": 0.1}, "goes with form 'streaming'"),
        ({"unit": 4}, "unknown field `unit`"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_with_a_reason(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(STREAMING | change, NetworkSpec)


@pytest.mark.parametrize(("family", "decoded"), [("autoencoder", 1), ("forecast_reconstruct", 2)])
def test_a_decoder_mirrors_the_encoder(family: Any, decoded: int) -> None:
    spec = NetworkSpec(family=family, form="window", units=(16, 4), dropout=(0.1, 0.2))
    assert spec.decoded_length == decoded
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
