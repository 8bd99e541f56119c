import sys
from importlib.machinery import ModuleSpec

import pytest

from edge_agent.pipeline import runtime
from edge_agent.pipeline.runtime import RuntimeMissingError, installed_runtime, load_interpreter


def present(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Let only these of the two runtimes be installed."""

    def find(name: str) -> ModuleSpec | None:
        return ModuleSpec(name, None) if name in modules else None

    monkeypatch.setattr(runtime, "find_spec", find)


def test_the_lighter_runtime_is_taken_where_both_are_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    present(monkeypatch, "tflite_runtime", "ai_edge_litert")

    assert installed_runtime() == "tflite-runtime"
    assert installed_runtime("ai-edge-litert") == "ai-edge-litert"


def test_the_other_runtime_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    present(monkeypatch, "ai_edge_litert")

    assert installed_runtime() == "ai-edge-litert"


@pytest.mark.parametrize("asked", [None, "tflite-runtime"])
def test_a_missing_runtime_is_named_with_the_extras_that_bring_it(
    monkeypatch: pytest.MonkeyPatch, asked: str | None
) -> None:
    present(monkeypatch)

    with pytest.raises(RuntimeMissingError, match=r"'tflite'.*'litert'"):
        installed_runtime(asked)


def test_loading_a_model_imports_no_tensorflow(model_bytes: bytes) -> None:
    before = set(sys.modules)

    load_interpreter(model_bytes)

    assert not {name for name in set(sys.modules) - before if name.startswith("tensorflow")}


def test_what_the_runtime_cannot_read_is_an_error_with_its_reason() -> None:
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_interpreter(b"not a model")
