import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.config.draft import load_config
from edge_agent.daemon.config.settings import Asset
from edge_agent.daemon.models import Models
from edge_agent.daemon.mqtt.credentials import Credentials
from edge_agent.daemon.mqtt.link import MqttLink
from edge_agent.daemon.run import run_agent
from edge_agent.daemon.service import AgentFailed

WriteConfig = Callable[..., Path]


@pytest.fixture
def signals() -> Iterator[None]:
    """Whoever ran before gets their signals back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_told_to_end_it_verifies_no_further_bundle(
    write_config: WriteConfig,
    asset_table: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    signals: None,
) -> None:
    path = write_config(more="".join(asset_table(f"pump-{n}") for n in range(2, 50)))
    bundle = path.with_name("samples.edgemodel")
    (path.parent / "config.d" / bundle.name).write_bytes(bundle.read_bytes())
    load = Models.load_for
    loaded: list[str] = []

    def noted(self: Models, asset: Asset) -> LoadedBundle:
        loaded.append(asset.name)
        if len(loaded) == 2:
            signal.raise_signal(signal.SIGTERM)
        return load(self, asset)

    monkeypatch.setattr(Models, "load_for", noted)
    run_agent(path, load_config(path), Credentials(None, ()))
    assert len(loaded) == 2


def test_an_agent_that_lost_a_thread_ends_with_a_reason(
    write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch, signals: None
) -> None:
    def fail(_self: MqttLink, _protocol: str) -> None:
        raise RuntimeError("out of file descriptors")

    monkeypatch.setattr(MqttLink, "_connect_and_serve", fail)
    path = write_config()
    with pytest.raises(AgentFailed, match="thread mqtt failed: RuntimeError: out of file"):
        run_agent(path, load_config(path), Credentials(None, ()))


def test_the_log_ends_with_what_was_done_and_what_was_not_sent(
    write_config: WriteConfig,
    monkeypatch: pytest.MonkeyPatch,
    signals: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("edge_agent.daemon.service._LAST_CALL_S", 0.0)
    caplog.set_level(logging.INFO)
    path = write_config()
    options = "[asset.sensor.options]\ninterval_s = 0.0\nblocks = 120\n"
    path.write_text(f"{path.read_text()}{options}[mqtt]\nport = 1\n")
    run_agent(path, load_config(path), Credentials(None, ()), end_with_data=True)
    (last,) = [m for m in caplog.messages if m.startswith("stopped")]
    assert last.startswith("stopped after 120 windows; messages not sent: 120 waiting; since")
