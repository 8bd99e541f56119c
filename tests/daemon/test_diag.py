import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.daemon import diag
from edge_agent.daemon.diag import collect_diagnosis

WriteConfig = Callable[..., Path]

PLANTED = {
    "comment": "c0mment-pa55word",
    "file": "f1le-pa55word",
    "environment": "env1ronment-pa55word",
    "credential": "cred-pa55word",
    "token": "t0ken-0f-the-driver",
    "nested": "nested-pa55word",
    "url": "url-pa55word",
    "other": "an-unrelated-t0ken",
}
CONFIG = f"""\
gateway = "gw-1"
state_dir = "state"
# the password used to be {PLANTED["comment"]}
[mqtt]
host = "broker.example.org"
username = "gw-1"
[[asset]]
name = "pump-1"
bundle = "samples.edgemodel"
[asset.sensor]
plugin = "bench"
[asset.sensor.options]
token = "{PLANTED["token"]}"
endpoint = "opc.tcp://joe:{PLANTED["url"]}@plc:4840"
[asset.sensor.options.auth]
user = {{ name = "{PLANTED["nested"]}" }}
"""


def read(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        found = {}
        for member in archive.getmembers():
            opened = archive.extractfile(member)
            assert opened is not None
            found[member.name.removeprefix("edge-agent-diag/")] = opened.read().decode()
        return found


def leaked(parts: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (name, kind)
        for name, text in parts.items()
        for kind, secret in PLANTED.items()
        if secret in text
    ]


@pytest.fixture
def config(write_config: WriteConfig) -> Path:
    path = write_config(CONFIG)
    state = path.with_name("state")
    state.mkdir()
    (state / "outbox.db").write_bytes(b"samples and messages")
    (path.with_name("password")).write_text(PLANTED["file"] + "\n")
    return path


@pytest.fixture
def chatty_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log into which a driver has written everything it knew."""
    said = "\n".join(f"the driver said {secret}" for secret in PLANTED.values())
    monkeypatch.setattr(diag, "_log", lambda: said)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ('password_file = "password"', "file"),
        ('password_env = "BROKER"', "environment"),
        ('password_credential = "mqtt"', "credential"),
    ],
)
@pytest.mark.usefixtures("chatty_log")
def test_no_planted_secret_is_in_the_archive(
    config: Path, key: str, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BROKER", PLANTED["environment"])
    monkeypatch.setenv("OTHER_TOKEN", PLANTED["other"])
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "mqtt").write_text(PLANTED["credential"])
    config.write_text(CONFIG.replace("[[asset]]", f"{key}\n[[asset]]", 1))
    collect_diagnosis(config, tmp_path / "x.tar.gz")
    parts = read(tmp_path / "x.tar.gz")
    others = {"comment", "file", "environment", "credential"} - {kind}  # nothing leads to these
    found = [(name, what) for name, what in leaked(parts) if what not in others]
    assert found == []
    assert [(name, what) for name, what in leaked(parts) if name != "log.txt"] == []


def test_the_archive_holds_what_helps(config: Path, tmp_path: Path) -> None:
    collected = collect_diagnosis(config, tmp_path / "x.tar.gz")
    parts = read(tmp_path / "x.tar.gz")
    assert set(collected.parts) == set(parts)
    said = json.loads(parts["config.json"])
    assert said["mqtt"]["host"] == "broker.example.org"
    assert said["asset"][0]["name"] == "pump-1"
    assert any("manifest" in bundle for bundle in json.loads(parts["bundles.json"]).values())
    assert "numpy" in json.loads(parts["versions.json"])["distributions"]
    assert any(row["name"] == "bench" for row in json.loads(parts["plugins.json"]))
    assert {row["path"] for row in json.loads(parts["state.json"])} == {"outbox.db"}
    assert "samples and messages" not in "".join(parts.values())
    assert "MemTotal" in parts["system/meminfo.txt"]
    assert json.loads(parts["disk.json"])
    assert "no agent of gateway gw-1" in json.loads(parts["missing.json"])["status.json"]


@pytest.mark.parametrize(
    "text", ["gateway = ", "", 'gateway = 3\n[mqtt]\npassword_file = "nowhere"', None]
)
def test_a_broken_configuration_is_no_obstacle(
    config: Path, tmp_path: Path, text: str | None
) -> None:
    if text is None:
        config.unlink()
    else:
        config.write_text(text)
    collect_diagnosis(config, tmp_path / "x.tar.gz")
    parts = read(tmp_path / "x.tar.gz")
    assert json.loads(parts["check.json"])["problems"]


def test_a_part_that_fails_is_said_so(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError(f"cannot, because of token={PLANTED['token']}")

    monkeypatch.setattr(diag, "_versions", fail)
    collected = collect_diagnosis(config, tmp_path / "x.tar.gz")
    parts = read(tmp_path / "x.tar.gz")
    assert "versions.json" not in parts
    assert collected.missing["versions.json"].startswith("RuntimeError: cannot")
    assert leaked(parts) == []
