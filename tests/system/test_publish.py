"""``edge-rollout publish`` as a process that is killed while it uploads."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from operators import (
    PASSPHRASE,
    Gateway,
    bundle_of,
    client_of,
    content_seen,
    home_at,
    repository_in,
    sent_by,
)
from waiting import wait_until

from edge_agent.rollout.topics import RolloutTopics

pytestmark = pytest.mark.system

TOPICS = RolloutTopics("edge/v1")


def test_killed_at_any_chunk_the_next_one_goes_on_and_gateways_see_the_old_repository_until_then(
    make_mosquitto: Any, samples_bundle: bytes, tmp_path: Path
) -> None:
    broker = make_mosquitto("allow_anonymous true", "max_packet_size 3000", "set_tcp_nodelay true")
    home = home_at(tmp_path / "home", broker.port)
    repository = repository_in(home)
    repository.init()
    sent_by(home)
    gateway = Gateway(tmp_path / "gateway", repository.roles.root_bytes())
    # Some five hundred chunks: nobody kills a process that is done already.
    file = bundle_of(samples_bundle, "1.0.0", tmp_path, report=os.urandom(1_400_000))
    environment = {**os.environ, "EDGE_ROLLOUT_PASSPHRASE": PASSPHRASE}
    command = (sys.executable, "-m", "edge_agent.cli.rollout", "publish", str(file))
    target = "test-bearing/test-bearing-1.0.0.edgemodel"

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*command, "--home", str(home.folder)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    heard: set[str] = set()

    def is_time(process: "subprocess.Popen[bytes]", wanted: int) -> bool:
        return len(heard) >= wanted or process.poll() is not None

    with client_of(home) as client:
        client.subscribe(TOPICS.chunks("+"), lambda topic, _: heard.add(topic))
        for more in (1, 20, 100):
            wanted = len(heard) + more
            with start() as process:
                assert wait_until(partial(is_time, process, wanted))
                process.send_signal(signal.SIGKILL)
            assert content_seen(gateway.looks_at(client), target) in (None, file.read_bytes())
        with start() as process:
            said, _ = process.communicate(timeout=500)
        assert process.returncode == 0, said
        assert content_seen(gateway.looks_at(client), target) == file.read_bytes()
