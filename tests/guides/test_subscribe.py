"""What the subscriber's guide prints for others' programs fits what the agent says.

Its shell and Python examples run in tests/system/test_subscribe_guide.py.
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import topic_matches_sub

from edge_agent.daemon.messages import AlarmState, Score, Share
from edge_agent.daemon.topics import Topics

jinja2 = pytest.importorskip("jinja2", reason="needs the extra 'trainer'")
yaml = pytest.importorskip("yaml", reason="needs the extra 'dev'")

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "subscribe.md"
FENCE = re.compile(r"^```\w+ title=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(FENCE.findall(GUIDE.read_text(encoding="utf-8")))
TOPICS = Topics("edge/v1", "gw-1")
ENVELOPE: dict[str, Any] = {
    "id": "1",
    "seq": 0,
    "session": "s",
    "gateway": "gw-1",
    "start": "2026-01-01T00:00:00Z",
    "end": "2026-01-01T00:01:00Z",
    "time_quality": "synchronised",
    "asset": "pump-1",
}


def alarm(**more: Any) -> Any:
    facts: dict[str, Any] = {"alarm": False, "data": "running", "reason": None}
    facts |= {"state": "quiet", "level": None}
    return msgspec.to_builtins(AlarmState(**ENVELOPE | facts | more))


def score(value: float | None) -> Any:
    facts: dict[str, Any] = {
        "index": 3,
        "score": value,
        "threshold": 2.0,
        "level_score": None,
        "level_threshold": None,
        "anomaly": False,
        "reason": None,
        "unit": "g",
        "bias": {},
        "gap": False,
        "clipped": False,
        "model_sha256": "0" * 64,
    }
    return msgspec.to_builtins(Score(**ENVELOPE | facts))


def rendered(template: str, value: Any) -> str:
    """Render as Home Assistant does, whose filters include Jinja's own."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    environment.filters["tojson"] = lambda given: json.dumps(given)  # noqa: PLW0108
    environment.autoescape = False
    return str(environment.from_string(template).render(value_json=value))


@pytest.fixture
def entities() -> Any:
    return yaml.safe_load(EXAMPLES["home-assistant.yaml"])["mqtt"]


def test_the_guide_holds_its_six_examples() -> None:
    names = {"listen.sh", "listen.py", "flow.json", "snapshot.py", "home-assistant.yaml"}
    assert set(EXAMPLES) == names | {"command.sh"}


def test_home_assistant_asks_where_the_agent_says(entities: Any) -> None:
    there = {TOPICS.status, *(TOPICS.of("pump-1", kind) for kind in ("alarm", "score"))}
    for entity in (*entities["binary_sensor"], *entities["sensor"]):
        asked = {entity["state_topic"], *(one["topic"] for one in entity["availability"])}
        assert asked <= there


def test_home_assistant_shows_alarms_and_is_not_sure_without_data(entities: Any) -> None:
    (entity,) = entities["binary_sensor"]
    _, by_data = entity["availability"]
    loud = alarm(
        alarm=True,
        state="open",
        level="alarm",
        severity=2.5,
        opened="2026-01-01T00:00:00Z",
        features=(Share("b1_rms", 1.0),),
    )
    silent = alarm(data="no_data", reason="no block for more than 5 s")
    assert rendered(entity["value_template"], loud) == "ON"
    assert rendered(entity["value_template"], alarm()) == "OFF"
    for state in ("acknowledged", "shelved", "maintenance"):
        assert rendered(entity["value_template"], alarm(alarm=True, state=state)) == "OFF"
    assert rendered(by_data["value_template"], loud) == "online"
    assert rendered(by_data["value_template"], silent) == "offline"
    attributes = json.loads(rendered(entity["json_attributes_template"], loud))
    assert attributes == {
        "state": "open",
        "level": "alarm",
        "severity": 2.5,
        "since": "2026-01-01T00:00:00Z",
        "mostly": ["b1_rms"],
    }
    assert json.loads(rendered(entity["json_attributes_template"], alarm()))["mostly"] == []


def test_home_assistant_shows_scores_as_shares_of_the_threshold(entities: Any) -> None:
    (entity,) = entities["sensor"]
    assert float(rendered(entity["value_template"], score(3.0))) == 150.0
    assert rendered(entity["value_template"], score(None)) == "None"


def test_the_flow_is_wired_and_listens_where_the_agent_speaks() -> None:
    nodes = {node["id"]: node for node in json.loads(EXAMPLES["flow.json"])}
    (entry,) = [node for node in nodes.values() if node["type"] == "mqtt in"]
    assert topic_matches_sub(entry["topic"], TOPICS.of("pump-1", "anomaly"))
    assert nodes[entry["broker"]]["type"] == "mqtt-broker"
    reached, node = [], entry
    while node["wires"]:
        node = nodes[node["wires"][0][0]]
        reached.append(node["type"])
    assert reached == ["function", "switch", "template", "debug"]
