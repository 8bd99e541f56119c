"""Keys and certificates that are renewed under a running agent."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]

QUICK = "interval_s = 0.02"
TLS = """\
tls = true
ca_file = "tls/ca.crt"
cert_file = "tls/gw-1.crt"
key_file = "tls/gw-1.key"
"""


@pytest.fixture
def tls_folder(bundle_file: Path) -> Path:
    """Beside the agent's configuration."""
    folder = bundle_file.with_name("tls")
    folder.mkdir()
    return folder


def hand_out(authority: Any, folder: Path, name: str = "gw-1") -> None:
    """Give gateway gw-1 what ``authority`` issues for ``name``."""
    crt, key = authority.issue(name)
    for file, given in ((authority.ca, "ca.crt"), (crt, "gw-1.crt"), (key, "gw-1.key")):
        shutil.copy(file, folder / given)


def lines(authority: Any) -> tuple[str, ...]:
    """Configuration of a broker that trusts ``authority`` and nobody else."""
    crt, key = authority.issue("broker")
    return (
        f"cafile {authority.ca}",
        f"certfile {crt}",
        f"keyfile {key}",
        "require_certificate true",
        "use_identity_as_username true",
        f"acl_file {Path(__file__).parents[3] / 'deploy' / 'mosquitto' / 'acl'}",
    )


def connections(agent: Any) -> int:
    return int(agent.said().count("INFO connected to"))


def test_a_whole_new_authority_needs_no_restart(
    make_mosquitto: Any, make_authority: Any, start_agent: StartAgent, tls_folder: Path
) -> None:
    old, new = make_authority(), make_authority()
    broker = make_mosquitto(*lines(old))
    hand_out(old, tls_folder)
    agent = start_agent(broker.port, {"pump-1": QUICK}, mqtt=TLS)
    assert wait_until(lambda: connections(agent) == 1), agent.said()

    broker.stop()
    text = broker.configuration.read_text()
    for before, after in zip(lines(old)[:3], lines(new)[:3], strict=True):
        text = text.replace(before, after)
    broker.configuration.write_text(text)
    broker.start()
    assert wait_until(lambda: "certificate verify failed" in agent.said())
    hand_out(new, tls_folder)
    agent.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "1 asset as before; connecting anew" in agent.said())
    assert wait_until(lambda: connections(agent) >= 2), agent.said()
    assert "refused a message" not in agent.said()
    assert agent.stop()[0] == 0


def test_half_a_renewal_leaves_the_connection_that_stands(
    make_mosquitto: Any, make_authority: Any, start_agent: StartAgent, tls_folder: Path
) -> None:
    authority = make_authority()
    broker = make_mosquitto(*lines(authority))
    hand_out(authority, tls_folder)
    agent = start_agent(broker.port, {"pump-1": QUICK}, mqtt=TLS)
    assert wait_until(lambda: connections(agent) == 1), agent.said()
    shutil.copy(authority.issue("gw-1")[0], tls_folder / "gw-1.crt")
    agent.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "1 problem: going on with the configuration" in agent.said())
    assert wait_until(lambda: "mqtt.cert_file" in agent.said())
    shutil.copy(authority.folder / "gw-1.key", tls_folder / "gw-1.key")
    agent.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: connections(agent) == 2), agent.said()


def test_a_gateway_under_another_s_name_is_refused_and_says_so(
    make_mosquitto: Any, make_authority: Any, start_agent: StartAgent, tls_folder: Path
) -> None:
    authority = make_authority()
    broker = make_mosquitto(*lines(authority))
    hand_out(authority, tls_folder, "gw-2")
    agent = start_agent(broker.port, {"pump-1": QUICK}, mqtt=TLS)
    assert wait_until(lambda: "the broker refused a message: edge/v1/gw-1/" in agent.said())
    assert agent.process.poll() is None
