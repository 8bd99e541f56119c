"""What is exported runs on every runtime and computes what the network computes."""

import importlib.metadata
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.networks import FittedNetwork, NetworkSpec
from trainer.quantize import (
    ExportedModel,
    ExportError,
    GateError,
    GateReport,
    Quantization,
    check_model,
    export_tflite,
    export_variants,
)
from trainer.quantize.child import ChildError, run_child
from trainer.quantize.flatbuffer import correct_fused_lstm, read_facts
from trainer.tensorflow_process import TensorFlowProcess

LSTM = NetworkSpec(
    family="forecaster", form="streaming", units=(32,), memory_alpha=0.05, output_bound=2.0
)
GRU = NetworkSpec(family="forecaster", form="streaming", cell="gru", units=(24, 16))
WINDOW = NetworkSpec(family="forecaster", form="window", units=(8, 32, 15), window_length=50)
RELU = NetworkSpec(family="autoencoder", form="window", units=(16, 4), activation="relu")
QUANTILES = NetworkSpec(
    family="forecaster",
    form="window",
    units=(16, 8),
    bidirectional=True,
    window_length=24,
    quantiles=(0.1, 0.5, 0.9),
)
BOTH = NetworkSpec(
    family="forecast_reconstruct",
    form="window",
    units=(12,),
    bidirectional=True,
    window_length=30,
)
REBUILD = NetworkSpec(family="autoencoder", form="window", units=(12, 4), window_length=40)

# largest RMSE / standard deviation against float32, about twice what was measured
BOUNDS = {"float32": 1e-5, "float16": 1e-3, "dynamic": 0.03, "int8": 0.03}
# Largest difference between two runtimes: a number on the edge between two steps of the quantized
# range may fall to either side.
DIFFERENCES = {"float32": 1e-5, "float16": 1e-5, "dynamic": 0.01, "int8": 0.03}
KILO = 1024
CASES: list[tuple[NetworkSpec, Quantization, int]] = [
    (LSTM, "float32", 36 * KILO),
    (LSTM, "float16", 22 * KILO),
    (LSTM, "dynamic", 14 * KILO),
    (LSTM, "int8", 17 * KILO),
    (GRU, "float32", 40 * KILO),
    (GRU, "dynamic", 16 * KILO),
    (WINDOW, "float32", 42 * KILO),
    (WINDOW, "float16", 29 * KILO),
    (WINDOW, "int8", 19 * KILO),
    (RELU, "float32", 23 * KILO),
    (RELU, "float16", 23 * KILO),
    (QUANTILES, "float32", 52 * KILO),
    (QUANTILES, "float16", 36 * KILO),
    (BOTH, "float32", 45 * KILO),
    (BOTH, "float16", 32 * KILO),
]


class Exports:
    """Every network's export, made once: two converting processes side by side."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        networks: dict[NetworkSpec, FittedNetwork],
        vectors: NDArray[np.float32],
    ) -> None:
        self.vectors = vectors
        self._networks = networks
        self._made = {
            spec: pool.submit(export_variants, network, _quantizations(spec), vectors)
            for spec, network in networks.items()
        }

    def get(
        self, spec: NetworkSpec, quantization: Quantization
    ) -> tuple[FittedNetwork, ExportedModel]:
        return self._networks[spec], self._made[spec].result()[quantization]


def _quantizations(spec: NetworkSpec) -> list[Quantization]:
    return [quantization for of, quantization, _ in CASES if of == spec]


@pytest.fixture(scope="module")
def exports(
    tensorflow: None, random_network: Any, vectors: NDArray[np.float32]
) -> Iterator[Exports]:
    specs = dict.fromkeys(spec for spec, _, _ in CASES)
    with ThreadPoolExecutor(2) as pool:
        networks = {spec: random_network(spec, 11, 11) for spec in specs}
        yield Exports(pool, networks, vectors)


def _installed() -> list[str]:
    found = []
    for name in ("tflite-runtime", "ai-edge-litert"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@pytest.mark.parametrize(("spec", "quantization", "size"), CASES)
def test_every_runtime_computes_what_the_network_computes(
    exports: Exports, spec: NetworkSpec, quantization: Quantization, size: int
) -> None:
    network, model = exports.get(spec, quantization)
    report = check_model(model, network, exports.vectors)
    assert {name for name, said in report.runtimes.items() if said == "ok"} == set(_installed())
    for parity in report.parity.values():
        assert parity.error <= BOUNDS[quantization]
    if len(report.parity) > 1:
        assert report.runtime_difference is not None
        assert report.runtime_difference <= DIFFERENCES[quantization]
    assert report.size_bytes == len(model.model) <= size
    assert msgspec.json.decode(msgspec.json.encode(report), type=GateReport) == report


def test_window_models_hold_fused_layers_without_a_cell_clip(exports: Exports) -> None:
    _, model = exports.get(WINDOW, "float32")
    facts = read_facts(model.model)
    assert facts.fused_layers == 3
    assert correct_fused_lstm(model.model, relu=False) == model.model


def test_a_cell_beyond_the_converters_clip_is_right(tensorflow: None, random_network: Any) -> None:
    network: FittedNetwork = random_network(REBUILD, 3, 3, scale=1.0)
    for layer in network.layers:
        units = layer.units
        # input and forget gates held open: the cell adds its candidates up
        layer.bias[: 2 * units] = 6.0
    probes = np.full((60, 3), 2.0, dtype=np.float32)
    probes += np.random.default_rng(1).standard_normal(probes.shape).astype(np.float32)
    report = check_model(export_tflite(network, "float32", None), network, probes)
    for parity in report.parity.values():
        assert parity.largest < 1e-4


def test_streaming_models_carry_one_state_of_the_stated_size(exports: Exports) -> None:
    for spec, size in ((LSTM, 64 + 11), (GRU, 40)):
        _, model = exports.get(spec, "dynamic")
        assert (model.kind, model.state_size, model.window_length) == ("streaming", size, 1)
        assert (model.n_inputs, model.n_outputs) == (11, 11)
        assert model.int8_weights >= 1024


def test_a_model_of_another_network_does_not_pass_the_gate(
    exports: Exports, random_network: Any
) -> None:
    _, model = exports.get(LSTM, "float32")
    other = random_network(LSTM, 11, 11, scale=0.2)
    with pytest.raises(GateError, match=r"float32 model may not ship: .*error against float32"):
        check_model(model, other, exports.vectors)


def test_an_operator_too_new_for_the_oldest_runtime_does_not_pass_the_gate(
    exports: Exports,
) -> None:
    network, model = exports.get(LSTM, "dynamic")
    changed = replace(model, model=_with_fully_connected_version(model.model, 12))
    with pytest.raises(GateError, match="FULLY_CONNECTED has version 12; up to 9 is allowed"):
        check_model(changed, network, exports.vectors)


def _with_fully_connected_version(model: bytes, version: int) -> bytes:
    from ai_edge_litert import schema_py_generated as schema

    content = bytearray(model)
    root = schema.Model.GetRootAs(content, 0)
    for code in (root.OperatorCodes(k) for k in range(root.OperatorCodesLength())):
        if code.BuiltinCode() == schema.BuiltinOperator.FULLY_CONNECTED:
            table = code._tab  # noqa: SLF001 - the generated class has no setter
            content[table.Pos + table.Offset(8)] = version
    return bytes(content)


def test_probes_of_another_width_are_refused(exports: Exports) -> None:
    network, model = exports.get(LSTM, "float32")
    with pytest.raises(ExportError, match=r"shape \(400, 4\); \(n, 11\) is allowed"):
        check_model(model, network, exports.vectors[:, :4])


@pytest.mark.parametrize(
    ("spec", "quantization", "reason"),
    [
        (RELU, "int8", "activations of relu have no bound"),
        (QUANTILES, "int8", "use float32 or float16"),
        (LSTM, "int8", "needs representative inputs"),
        (LSTM, "int4", "float32, float16, dynamic, int8 are allowed"),
    ],
)
def test_what_would_come_out_wrong_is_refused_with_a_reason(
    random_network: Any, spec: NetworkSpec, quantization: Any, reason: str
) -> None:
    with pytest.raises(ExportError, match=reason):
        export_tflite(random_network(spec, 11, 11), quantization, None)


def test_a_quantization_that_changes_nothing_is_refused(
    tensorflow: None, random_network: Any
) -> None:
    small = NetworkSpec(family="forecaster", form="streaming", units=(4,))
    with pytest.raises(ExportError, match="left every weight in float32"):
        export_tflite(random_network(small, 3, 3), "dynamic", None)


def test_a_converter_that_crashes_is_an_error_naming_the_signal(
    tensorflow: None, random_network: Any
) -> None:
    network = random_network(LSTM, 11, 11)
    others = set(multiprocessing.active_children())
    with TensorFlowProcess() as process, ThreadPoolExecutor(1) as pool:
        (child,) = set(multiprocessing.active_children()) - others
        export = pool.submit(export_variants, network, ("float32",), None, process)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSEGV)
        with pytest.raises(ExportError, match=r"float32 export failed: .* killed by SIGSEGV"):
            export.result()


def test_a_child_that_fails_says_what_it_said_last() -> None:
    with pytest.raises(ChildError, match=r"ended with code 1; it said last: .*ValueError: no luck"):
        run_child(["-c", "raise ValueError('no luck')"], 120)


def test_a_child_that_hangs_is_ended() -> None:
    with pytest.raises(ChildError, match=r"took longer than 0\.5 s"):
        run_child(["-c", "import time; time.sleep(60)"], 0.5)
