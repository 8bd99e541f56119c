"""Converting; imports TensorFlow, so only the process that may does this."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.networks import FittedNetwork, predict_step, zero_state
from trainer.quantize.flatbuffer import correct_fused_lstm
from trainer.quantize.graphs import Graph
from trainer.quantize.model import Quantization


def convert_all(
    network: FittedNetwork,
    quantizations: Sequence[Quantization],
    representative: NDArray[np.float32] | None,
) -> dict[Quantization, bytes]:
    """Return the network's TFLite file in every quantization asked for."""
    graph = Graph(network)
    return {q: convert(graph, network, q, representative) for q in quantizations}


def convert(
    graph: Graph,
    network: FittedNetwork,
    quantization: Quantization,
    representative: NDArray[np.float32] | None,
) -> bytes:
    """Return the network as a TFLite file."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [graph.call.get_concrete_function()], graph
    )
    # holds a hash and the converter's version: the same network would give another file
    converter.exclude_conversion_metadata = True
    # per channel the converter writes FULLY_CONNECTED version 12, which tflite-runtime 2.14 refuses
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001 - has no public name
    relu = network.spec.activation == "relu"
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "int8":
        if representative is None:
            raise ValueError("int8 needs representative inputs")
        _quantize_activations(converter, network, representative)
    return correct_fused_lstm(converter.convert(), relu=relu)


def _quantize_activations(
    converter: Any,
    network: FittedNetwork,
    representative: NDArray[np.float32],
) -> None:
    builtin = tf.lite.OpsSet
    if network.spec.form == "streaming":
        # a state of 8 bits is too coarse to be carried on for ever: 16 bits beside int8 weights
        converter.target_spec.supported_ops = [
            builtin.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        converter.representative_dataset = _steps(network, representative)
        return
    converter.target_spec.supported_ops = [builtin.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = _windows(representative)
    quantize = converter._quantize  # noqa: SLF001 - calibration has no public step to enter at

    def calibrate_corrected(model: bytes, *arguments: object, **options: object) -> bytes:
        # with the cell clip still in it the calibration would see other numbers
        result: bytes = quantize(correct_fused_lstm(model, relu=False), *arguments, **options)
        return result

    converter._quantize = calibrate_corrected  # noqa: SLF001 - the same


Feed = Callable[[], Iterator[dict[str, NDArray[np.float32]]]]


def _windows(representative: NDArray[np.float32]) -> Feed:
    def feed() -> Iterator[dict[str, NDArray[np.float32]]]:
        for window in representative:
            yield {"x": window[np.newaxis]}

    return feed


def _steps(network: FittedNetwork, representative: NDArray[np.float32]) -> Feed:
    def feed() -> Iterator[dict[str, NDArray[np.float32]]]:
        state = zero_state(network)
        for row in representative:
            x = row[np.newaxis]
            yield {"x": x, "s": state}
            _, state = predict_step(network, x, state)

    return feed
