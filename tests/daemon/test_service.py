import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.config import load_config
from edge_agent.daemon.models import Models
from edge_agent.daemon.mqtt import MqttLink
from edge_agent.daemon.service import AgentFailed, run_agent

WriteConfig = Callable[..., Path]


@pytest.fixture
def signals() -> Iterator[None]:
    """Whoever ran before gets their signals back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_it_ends_in_a_second_while_it_still_verifies_its_bundles(
    write_config: WriteConfig,
    asset_table: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    signals: None,
) -> None:
    path = write_config(more="".join(asset_table(f"pump-{n}") for n in range(2, 50)))
    bundle = path.with_name("samples.edgemodel")
    (path.parent / "config.d" / bundle.name).write_bytes(bundle.read_bytes())
    load = Models.load
    loaded: list[str] = []

    def slow(self: Models, file: str) -> LoadedBundle:
        loaded.append(file)
        if len(loaded) == 2:
            signal.raise_signal(signal.SIGTERM)
        time.sleep(0.1)
        return load(self, file)

    monkeypatch.setattr(Models, "load", slow)
    began_s = time.monotonic()
    run_agent(load_config(path), None)
    assert time.monotonic() - began_s < 1.5
    assert len(loaded) == 2


def test_an_agent_that_lost_a_thread_ends_with_a_reason(
    write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch, signals: None
) -> None:
    def fail(_self: MqttLink, _protocol: str) -> None:
        raise RuntimeError("out of file descriptors")

    monkeypatch.setattr(MqttLink, "_connect_and_serve", fail)
    with pytest.raises(AgentFailed, match="thread mqtt failed: RuntimeError: out of file"):
        run_agent(load_config(write_config()), None)
