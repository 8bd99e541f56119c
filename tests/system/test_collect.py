"""``edge-trainer collect`` as a process, beside a real broker that gateways publish to."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.bundle import Bundle
from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.messages import Features
from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.features import FeatureExtractor
from edge_agent.recordings import open_recording, write_recording

pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Vibration = Callable[..., Any]
NS = 10**9
DAY_S = 86400
NOON_S = 20_000 * DAY_S + DAY_S // 2
ASSET = "gateway=gw-1/asset=pump-1"


def wait_until(condition: Callable[[], object], timeout_s: float = 20.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


def message(start_s: float, gateway: str = "gw-1", asset: str = "pump-1", **change: Any) -> bytes:
    fields: dict[str, Any] = {
        "id": f"{gateway}/{asset}/{start_s}",
        "seq": 0,
        "session": "s",
        "gateway": gateway,
        "start": rfc3339(round(start_s * NS)),
        "end": rfc3339(round((start_s + 1) * NS)),
        "time_quality": "synchronised",
        "asset": asset,
        "index": 0,
        "unit": "g",
        "values": {"x_rms": 1.0},
        "bias": {},
        "gap": False,
        "clipped": False,
    }
    return msgspec.json.encode(Features(**(fields | change)))


class Gateway:
    """Publishes what a test says."""

    def __init__(
        self, port: int, protocol: int = MQTTv5, login: tuple[str, str] | None = None
    ) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=protocol)  # type: ignore[arg-type]
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.max_queued_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, *payloads: bytes, topic: str | None = None) -> None:
        """Publish, each to its topic unless stated, and wait until the broker has it all."""
        sent = []
        for payload in payloads:
            where = topic
            if where is None:
                body = json.loads(payload)
                where = f"edge/v1/{body['gateway']}/{body['asset']}/features"
            sent.append(self._client.publish(where, payload, qos=1))
        for info in sent:
            info.wait_for_publish(20.0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def gateway(
    port: int, protocol: int = MQTTv5, login: tuple[str, str] | None = None
) -> Iterator[Gateway]:
    speaker = Gateway(port, protocol, login)
    try:
        yield speaker
    finally:
        speaker.close()


@dataclass
class Collecting:
    """The command as a process."""

    process: subprocess.Popen[bytes]
    folder: Path

    def said(self) -> str:
        return (self.folder / "collect.log").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def ended(self, number: int | None = None, timeout_s: float = 30.0) -> dict[str, Any]:
        """Wait for the end, after a signal where one is given; return what it counted."""
        if number is not None:
            self.process.send_signal(number)
        assert self.process.wait(timeout_s) == 0, self.said()
        counted: dict[str, Any] = json.loads((self.folder / "collect.json").read_text())
        return counted


Start = Callable[..., Collecting]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def collect(tmp_path: Path, store: Path) -> Iterator[Start]:
    """``collect(port, *arguments, wait=True)``; returns when the broker has subscribed it."""
    started: list[Collecting] = []

    def start(port: int, *arguments: str, wait: bool = True, **more: str) -> Collecting:
        command = [sys.executable, "-c", "from trainer.cli import main; main()", "collect"]
        command += ["--port", str(port), "--store", str(store), "--json", *arguments]
        log = tmp_path / "collect.log"
        connected = log.read_text().count("connected to") if log.exists() else 0
        with log.open("ab") as err, (tmp_path / "collect.json").open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, **more})
        started.append(Collecting(process, tmp_path))
        if wait:
            assert wait_until(
                lambda: (
                    log.read_text().count("connected to") > connected or process.poll() is not None
                )
            )
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()


def starts_in(folder: Path) -> list[float]:
    return [block.start_ns / NS for block in open_recording(folder).blocks()]


def rows_in(folder: Path) -> int:
    from pyarrow import parquet

    return sum(parquet.ParquetFile(file).metadata.num_rows for file in folder.rglob("part-*"))


def test_each_message_is_stored_once_in_the_day_of_its_window(
    mosquitto: Any, collect: Start, store: Path
) -> None:
    midnight_s = NOON_S + DAY_S // 2
    windows = [message(midnight_s + i) for i in range(-3, 3)]
    running = collect(mosquitto.port, "--messages", "7")
    with gateway(mosquitto.port) as speaker:
        speaker.say(*windows, windows[2])
        speaker.say(message(midnight_s - 10, historical=True), windows[0])
    counted = running.ended()
    assert (counted["stored"], counted["rejected"], counted["protocol"]) == (7, 0, "5")
    assert starts_in(store / ASSET) == [midnight_s + i for i in (-10, *range(-3, 3))]
    days = sorted(path.name for path in (store / ASSET).iterdir())
    assert days == ["day=2024-10-04", "day=2024-10-05"]
    assert rows_in(store) == 7


def test_what_is_no_feature_message_is_set_aside_and_everything_else_goes_on(
    mosquitto: Any, collect: Start, store: Path
) -> None:
    running = collect(mosquitto.port, "--messages", "2")
    with gateway(mosquitto.port) as speaker:
        speaker.say(message(NOON_S))
        speaker.say(b"{", b"\xff\x00", b"", topic="edge/v1/gw-1/pump-1/features")
        speaker.say(message(NOON_S, asset="other"), topic="edge/v1/gw-1/pump-1/features")
        speaker.say(message(NOON_S + 1))
    counted = running.ended()
    assert (counted["stored"], counted["rejected"]) == (2, 4)
    lines = (store / "_collect" / "rejects.jsonl").read_text().splitlines()
    rejects = [json.loads(line) for line in lines]
    assert {reject["topic"] for reject in rejects} == {"edge/v1/gw-1/pump-1/features"}
    assert "allowed: those of its topic" in rejects[-1]["reason"]
    assert running.said().count("edge/v1/gw-1/pump-1/features: no feature message") == 4
    again = collect(mosquitto.port, "--for", "2s")
    assert again.ended()["rejected"] == 0  # they were acknowledged


def test_what_comes_while_nobody_collects_is_fetched_later(
    mosquitto: Any, collect: Start, store: Path
) -> None:
    with gateway(mosquitto.port) as speaker:
        speaker.say(message(NOON_S - 1))  # before anybody has asked
        collect(mosquitto.port).ended(signal.SIGTERM)
        speaker.say(*[message(NOON_S + i) for i in range(300)])
    collect(mosquitto.port, "--messages", "120").ended()
    counted = collect(mosquitto.port, "--messages", "180").ended()
    assert (counted["stored"], counted["duplicates"]) == (180, 0)
    assert starts_in(store / ASSET) == [NOON_S + i for i in range(300)]


def test_a_killed_collector_loses_and_doubles_nothing(
    make_mosquitto: Any, collect: Start, store: Path
) -> None:
    count = 3000
    # By default it drops what is more than a thousand messages for who is away.
    mosquitto = make_mosquitto("allow_anonymous true", "max_queued_messages 0")
    running = collect(mosquitto.port, "--write-every", "1s")
    rng = np.random.default_rng(1)
    with gateway(mosquitto.port) as speaker:
        for first in range(0, count, 100):
            # Some windows are late, and some messages come twice.
            windows = [message(NOON_S + i) for i in range(first, first + 100)]
            speaker.say(*rng.permutation(np.array([*windows, *windows[:5]], object)).tolist())
            if first % 500 == 400:
                running.kill()
                running = collect(mosquitto.port, "--write-every", "1s", wait=first % 1000 == 400)
    running.kill()
    collect(mosquitto.port, "--for", "3s").ended()
    assert starts_in(store / ASSET) == [NOON_S + i for i in range(count)]
    assert rows_in(store) == count


def test_a_broker_that_restarts_is_waited_for(
    make_mosquitto: Any, collect: Start, store: Path
) -> None:
    broker = make_mosquitto("allow_anonymous true")
    running = collect(broker.port, "--messages", "2")
    with gateway(broker.port) as speaker:
        speaker.say(message(NOON_S))
    broker.stop()
    broker.start()
    assert wait_until(lambda: running.said().count("connected to") == 2)
    assert "had kept no session" in running.said()
    with gateway(broker.port) as speaker:
        speaker.say(message(NOON_S + 1))
    assert running.ended()["connections"] == 2
    assert starts_in(store / ASSET) == [NOON_S, NOON_S + 1]


def test_only_what_is_asked_for_is_collected(mosquitto: Any, collect: Start, store: Path) -> None:
    pairs = [(g, a) for g in ("gw-1", "gw-2", "gw-3") for a in ("fan", "pump-1")]
    running = collect(
        mosquitto.port,
        *("--gateway", "gw-1", "--gateway", "gw-3", "--asset", "pump-1", "--messages", "2"),
    )
    with gateway(mosquitto.port) as speaker:
        speaker.say(*[message(NOON_S, g, a) for g, a in pairs])
        running.ended()
        # Another choice ends the former subscription, also in the session that the broker keeps.
        running = collect(mosquitto.port, "--gateway", "gw-2", "--messages", "2")
        speaker.say(*[message(NOON_S + 1, g, a) for g, a in pairs])
    running.ended()
    found = sorted(str(path.relative_to(store)) for path in store.glob("gateway=*/asset=*"))
    assert found == [
        "gateway=gw-1/asset=pump-1",
        "gateway=gw-2/asset=fan",
        "gateway=gw-2/asset=pump-1",
        "gateway=gw-3/asset=pump-1",
    ]
    assert rows_in(store) == 4


def test_a_broker_of_311_is_spoken_to_in_its_version(
    old_broker: int, collect: Start, store: Path, protocol_311: int
) -> None:
    running = collect(old_broker, "--messages", "5")
    with gateway(old_broker, protocol_311) as speaker:
        speaker.say(*[message(NOON_S + i) for i in range(5)])
    assert running.ended()["protocol"] == "3.1.1"
    assert starts_in(store / ASSET) == [NOON_S + i for i in range(5)]


def test_a_login_is_shown_that_the_sample_acl_lets_read_and_a_wrong_one_is_refused(
    make_mosquitto: Any, collect: Start, store: Path, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    for i, user in enumerate(("trainer", "gw-1")):
        command = ["mosquitto_passwd", *(["-c"] if i == 0 else []), "-b", str(passwords)]
        subprocess.run([*command, user, "s3cret"], check=True, capture_output=True)
    acl = Path(__file__).parents[2] / "deploy" / "mosquitto" / "acl"
    broker = make_mosquitto(
        "allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}"
    )
    given = ("--username", "trainer", "--password-env", "TRAINER_PASSWORD", "--messages", "1")
    running = collect(broker.port, *given, TRAINER_PASSWORD="s3cret")
    with gateway(broker.port, login=("gw-1", "s3cret")) as speaker:
        speaker.say(message(NOON_S))
    running.ended()
    refused = collect(broker.port, *given, TRAINER_PASSWORD="guess")
    assert refused.process.wait(20) == os.EX_NOPERM
    assert "refused the connection" in refused.said()
    assert "guess" not in refused.said()
    unset = collect(broker.port, *given)
    assert unset.process.wait(20) == os.EX_CONFIG
    assert "--password-env TRAINER_PASSWORD: the variable is not set" in unset.said()


def test_a_gateways_features_become_the_vectors_that_replay_computes(
    mosquitto: Any,
    collect: Start,
    store: Path,
    start_agent: StartAgent,
    samples_bundle: bytes,
    vibration: Vibration,
    tmp_path: Path,
) -> None:
    recording = tmp_path / "pump.npz"
    samples = vibration(40, seed=4)
    write_recording(
        recording, samples, rate_hz=1024.0, unit="g", channels=["x"], start_ns=NOON_S * NS
    )
    running = collect(mosquitto.port, "--messages", "40")
    start_agent(
        mosquitto.port,
        {"pump-1": f'path = "{recording}"\nspeed = 0.0'},
        mqtt="[publish]\nfeatures = true",
        plugins={"pump-1": "replay"},
    )
    running.ended()
    flow = Bundle.decode(samples_bundle).manifest.flow
    extractor = FeatureExtractor(flow.features, flow.input.feature_input())
    expected = np.array([extractor.compute(part)[0] for part in samples.reshape(40, 256, 1)])

    from trainer.data import read_series
    from trainer.recipe import load_recipe

    read = open_recording(store / ASSET)
    spec = InputSpec(
        kind="features",
        channels=read.channels,
        rate_hz=None,
        unit=None,
        length=1,
        hop=1,
        period_s=read.period_s,
    )
    series = read_series(read, load_recipe("default"), spec)
    assert series.names == flow.feature_names
    assert series.vectors.dtype == np.float32
    assert series.vectors.tobytes() == expected.tobytes()
    assert (series.start_ns - NOON_S * NS).tolist() == [i * NS // 4 for i in range(40)]
    assert read.period_s == 0.25
    assert not series.gap.any()
