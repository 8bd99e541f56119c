"""What becomes of a message, and of whom the collector asks and tells."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
pytestmark = pytest.mark.system


def test_each_message_is_stored_once_in_the_day_of_its_window(
    mosquitto: Any,
    collect: Any,
    store: Path,
    message: Any,
    gateway: Any,
    starts_in: Any,
    rows_in: Any,
    noon_s: int,
) -> None:
    midnight_s = noon_s + 12 * 3600
    windows = [message(midnight_s + i) for i in range(-3, 3)]
    running = collect(mosquitto.port, "--messages", "7")
    with gateway(mosquitto.port) as speaker:
        speaker.say(*windows, windows[2])
        speaker.say(message(midnight_s - 10, historical=True), windows[0])
    counted = running.ended()
    assert (counted["stored"], counted["rejected"], counted["protocol"]) == (7, 0, "5")
    assert starts_in(store) == [midnight_s + i for i in (-10, *range(-3, 3))]
    days = sorted(path.name for path in store.glob("gateway=*/asset=*/day=*"))
    assert days == ["day=2024-10-04", "day=2024-10-05"]
    assert rows_in(store) == 7


def test_what_is_no_feature_message_is_set_aside_and_everything_else_goes_on(
    mosquitto: Any, collect: Any, store: Path, message: Any, gateway: Any, noon_s: int
) -> None:
    running = collect(mosquitto.port, "--messages", "2")
    with gateway(mosquitto.port) as speaker:
        speaker.say(message(noon_s))
        speaker.say(b"{", b"\xff\x00", b"", topic="edge/v1/gw-1/pump-1/features")
        speaker.say(message(noon_s, asset="other"), topic="edge/v1/gw-1/pump-1/features")
        speaker.say(message(noon_s + 1))
    counted = running.ended()
    assert (counted["stored"], counted["rejected"]) == (2, 4)
    lines = (store / "_collect" / "rejects.jsonl").read_text().splitlines()
    rejects = [json.loads(line) for line in lines]
    assert {reject["topic"] for reject in rejects} == {"edge/v1/gw-1/pump-1/features"}
    assert "allowed: those of its topic" in rejects[-1]["reason"]
    assert running.said().count("edge/v1/gw-1/pump-1/features: no feature message") == 4
    again = collect(mosquitto.port, "--for", "1s")
    assert again.ended()["rejected"] == 0  # they were acknowledged


def test_labels_are_kept_beside_the_features_of_their_asset(
    mosquitto: Any, collect: Any, store: Path, message: Any, gateway: Any, noon_s: int
) -> None:
    label = {
        "schema": "edge-agent/label/1",
        "id": "a",
        "gateway": "gw-1",
        "asset": "pump-1",
        "anomaly_id": "b",
        "by": "kim",
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-01-01T00:01:00Z",
        "at": "2026-01-02T00:00:00Z",
        "label": "rejected",
        "note": "a forklift",
        "number": 1,
        "severity": 2.0,
        "closed": True,
    }
    running = collect(mosquitto.port, "--messages", "2")
    with gateway(mosquitto.port) as speaker:
        speaker.say(message(noon_s))
        for _ in range(2):
            speaker.say(json.dumps(label).encode(), topic="edge/v1/gw-1/pump-1/label")
        speaker.say(b"nonsense", topic="edge/v1/gw-1/pump-1/label")
        speaker.say(message(noon_s + 1))
    counted = running.ended()
    assert (counted["stored"], counted["labels"], counted["rejected"]) == (2, 1, 1)
    listed = subprocess.run(
        [
            sys.executable,
            "-c",
            "from trainer.cli import main; main()",
            "labels",
            str(store),
            "--json",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    (found,) = json.loads(listed.stdout)
    assert (found["asset"], found["label"], found["note"]) == ("pump-1", "rejected", "a forklift")


def test_only_what_is_asked_for_is_collected(
    mosquitto: Any, collect: Any, store: Path, message: Any, gateway: Any, rows_in: Any, noon_s: int
) -> None:
    pairs = [(g, a) for g in ("gw-1", "gw-2", "gw-3") for a in ("fan", "pump-1")]
    running = collect(
        mosquitto.port,
        *("--gateway", "gw-1", "--gateway", "gw-3", "--asset", "pump-1", "--messages", "2"),
    )
    with gateway(mosquitto.port) as speaker:
        speaker.say(*[message(noon_s, g, a) for g, a in pairs])
        running.ended()
        # Another choice ends the former subscription, also in the session that the broker keeps.
        running = collect(mosquitto.port, "--gateway", "gw-2", "--messages", "2")
        speaker.say(*[message(noon_s + 1, g, a) for g, a in pairs])
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
    old_broker: int,
    collect: Any,
    store: Path,
    protocol_311: int,
    message: Any,
    gateway: Any,
    starts_in: Any,
    noon_s: int,
) -> None:
    running = collect(old_broker, "--messages", "5")
    with gateway(old_broker, protocol_311) as speaker:
        speaker.say(*[message(noon_s + i) for i in range(5)])
    assert running.ended()["protocol"] == "3.1.1"
    assert starts_in(store) == [noon_s + i for i in range(5)]


def test_a_login_is_shown_that_the_sample_acl_lets_read_and_a_wrong_one_is_refused(
    make_mosquitto: Any,
    collect: Any,
    store: Path,
    tmp_path: Path,
    message: Any,
    gateway: Any,
    noon_s: int,
) -> None:
    passwords = tmp_path / "passwords"
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    for i, user in enumerate(("trainer", "gw-1")):
        command = ["mosquitto_passwd", *(["-c"] if i == 0 else []), "-b", str(passwords)]
        subprocess.run([*command, user, "s3cret"], check=True, capture_output=True)
    acl = Path(__file__).parents[3] / "deploy" / "mosquitto" / "acl"
    broker = make_mosquitto(
        "allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}"
    )
    given = ("--username", "trainer", "--password-env", "TRAINER_PASSWORD", "--messages", "1")
    running = collect(broker.port, *given, TRAINER_PASSWORD="s3cret")
    with gateway(broker.port, login=("gw-1", "s3cret")) as speaker:
        speaker.say(message(noon_s))
    running.ended()
    refused = collect(broker.port, *given, TRAINER_PASSWORD="guess")
    assert refused.process.wait(120) == os.EX_NOPERM
    assert "refused the connection" in refused.said()
    assert "guess" not in refused.said()
    unset = collect(broker.port, *given)
    assert unset.process.wait(120) == os.EX_CONFIG
    assert "--password-env TRAINER_PASSWORD: the variable is not set" in unset.said()
