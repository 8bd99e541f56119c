"""Rollouts by the real command over a real broker, with gateways that only speak."""

import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from brokers import Mosquitto
from commands import PATIENCE_S, Rollout, ended
from fitted import renamed
from gateways import Hall, prove, roll_back, stay_silent
from waiting import wait_until

pytestmark = pytest.mark.system

MODEL = "test-bearing@1.1.0"
START = ("start", MODEL, "--line", "press", "--to", "all", "--hold", "1s", "--rate", "100/s")


@pytest.fixture
def hall(tmp_path: Path, mosquitto: Mosquitto, plain_bundle: bytes) -> Hall:
    bundles = [renamed(plain_bundle, version) for version in ("1.0.0", "1.1.0")]
    return Hall(tmp_path / "home", mosquitto.port, bundles, 4)


def test_all_have_proved_themselves_and_a_pipeline_sees_it(hall: Hall, rollout: Rollout) -> None:
    with hall.speaking(prove):
        code, said = ended(rollout(*START, "--waves", "1,100%", "--watch"))
    assert code == 0, said
    assert "4 of 4 gateways have proved it" in said
    code, said = ended(rollout("gateways", "--json"))
    known: list[dict[str, Any]] = msgspec.json.decode(said)
    assert [one["running"]["press-1"]["version"] for one in known] == ["1.1.0"] * 4
    code, said = ended(rollout("status"))
    assert code == 0
    code, said = ended(rollout("log"))
    assert "start" in said
    assert "end" in said


def test_a_nervous_model_aborts_it_with_the_reason(hall: Hall, rollout: Rollout) -> None:
    with hall.speaking(roll_back):
        code, said = ended(rollout(*START))
    assert code == 65, said
    assert "aborted: failed>5% is broken in wave 1: 1 of 1" in said
    assert "trial bad: 9 new anomalies" in said


def test_a_controller_that_was_killed_is_resumed(hall: Hall, rollout: Rollout) -> None:
    with hall.speaking(stay_silent) as speakers:
        process = rollout(*START, "--waves", "100%")
        assert wait_until(lambda: all(speaker.desires for speaker in speakers.values()))
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
        first = {name: speaker.desires[0] for name, speaker in speakers.items()}
        code, said = ended(rollout("status"))
        assert code == 75
        assert "Nobody here drives it" in said
    with hall.speaking(prove) as speakers:
        code, said = ended(rollout("resume"))
        assert {name: speaker.desires[0] for name, speaker in speakers.items()} == first
    assert code == 0, said


def test_interrupted_paused_and_aborted_from_another_terminal(hall: Hall, rollout: Rollout) -> None:
    with hall.speaking(stay_silent) as speakers:
        process = rollout(*START, "--waves", "1,100%")
        assert wait_until(lambda: any(speaker.desires for speaker in speakers.values()))
        process.send_signal(signal.SIGTERM)
        code, said = ended(process)
        assert code == 75, said
        process = rollout("resume")
        assert wait_until(lambda: hall.desk.kept.is_driven(hall.desk.kept.newest()))
        code, said = ended(rollout("pause"))
        assert code == 0, said
        code, said = ended(process)
        assert code == 75, said
        code, said = ended(rollout("abort"))
        assert code == 0, said
        stopped = [speaker.desires[-1] for speaker in speakers.values() if speaker.desires]
        assert [desire.models for desire in stopped] == [()]
    code, said = ended(rollout("resume"))
    assert code == 65, said


def test_a_broker_that_forgets_everything_is_given_it_again(
    hall: Hall, mosquitto: Mosquitto, rollout: Rollout
) -> None:
    with hall.speaking(stay_silent) as speakers:
        process = rollout(*START, "--waves", "100%")
        assert wait_until(lambda: all(speaker.desires for speaker in speakers.values()))
    mosquitto.stop()
    mosquitto.start()  # without persistence: nothing is retained any more
    with hall.speaking(prove):
        code, said = ended(process)
    assert code == 0, said


def test_without_a_broker_nothing_is_begun(
    hall: Hall, mosquitto: Mosquitto, rollout: Rollout
) -> None:
    mosquitto.stop()
    code, said = ended(rollout(*START))
    assert code == 69, said
    assert hall.desk.kept.all() == []


def test_what_cannot_be_is_a_matter_of_usage(hall: Hall, rollout: Rollout) -> None:
    for arguments in (
        ("--waves", "5"),
        ("--abort-if", "bad"),
        ("--rate", "no"),
        ("--limit", "shift=3"),
    ):
        code, said = ended(rollout(*START, *arguments))
        assert code == 64, said
        assert "allowed" in said
