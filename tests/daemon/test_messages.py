import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge_agent.daemon.asyncapi import FILE_NAME, asyncapi_file
from edge_agent.daemon.clock import time_quality
from edge_agent.daemon.described import MESSAGES
from edge_agent.daemon.envelope import message_id
from edge_agent.daemon.ledger import LedgerSnapshot, StoreState
from edge_agent.daemon.schemas import main, schema_files
from edge_agent.daemon.session import Session
from edge_agent.daemon.status_message import Status
from edge_agent.daemon.topics import CARRIAGE, OF_GATEWAY, QOS, Topics

DOCS = Path(__file__).parents[2] / "docs" / "mqtt"


def test_the_schemas_in_the_documentation_are_fresh(tmp_path: Path) -> None:
    main(tmp_path)
    for name in schema_files():
        assert (DOCS / name).read_bytes() == (tmp_path / name).read_bytes(), (
            f"docs/mqtt/{name} is stale: run python -m edge_agent.daemon.schemas docs/mqtt"
        )


def test_there_is_no_schema_of_a_message_that_is_not_sent() -> None:
    assert {path.name for path in DOCS.glob("*.schema.json")} == set(schema_files())


def test_the_schema_comes_first_in_a_message() -> None:
    session = Session(Topics("edge/v1", "gw-1"))
    status = Status(
        state="online",
        reason=None,
        versions={},
        plugins=(),
        assets=(),
        mqtt_protocol="5",
        outbox=StoreState(),
        ledger=LedgerSnapshot(since="", assets=()),
        **session.envelope("edge/v1/gw-1/status", None, 0, 1_000),
    )
    assert msgspec.json.encode(status).startswith(b'{"schema":"edge-agent/status/1"')


def test_an_id_depends_on_every_part_and_nothing_else() -> None:
    assert message_id("gw", "pump", 1) == message_id("gw", "pump", 1)
    assert len({message_id("gw", "pump", 1), message_id("gw", "pum", "p1"), message_id("gw")}) == 3


def test_each_topic_is_counted_by_itself() -> None:
    session = Session(Topics("edge/v1", "gw-1"))
    seqs = [session.envelope(topic, None, 0, 0)["seq"] for topic in ("a", "b", "a", "a")]
    assert seqs == [0, 0, 1, 2]


def test_no_two_statements_share_an_id() -> None:
    session = Session(Topics("edge/v1", "gw-1"))
    topics = [session.topics.of(asset, "alarm") for asset in ("pump-1", "pump-2") for _ in range(2)]
    assert len({session.envelope(topic, None, 0, 0)["id"] for topic in topics}) == 4


def test_two_runs_have_two_sessions() -> None:
    topics = Topics("edge/v1", "gw-1")
    assert Session(topics).id != Session(topics).id


def test_times_are_utc_with_microseconds() -> None:
    envelope = Session(Topics("r", "g")).envelope("t", None, 1_700_000_000_123_456_789, 0)
    assert envelope["start"] == "2023-11-14T22:13:20.123456Z"


@pytest.mark.parametrize(
    ("layout", "expected"),
    [("none", "unknown"), ("folder", "unsynchronised"), ("mark", "synchronised")],
)
def test_the_time_quality_is_what_timesyncd_says(
    tmp_path: Path, layout: str, expected: str
) -> None:
    folder = tmp_path / "timesync"
    if layout != "none":
        folder.mkdir()
    if layout == "mark":
        (folder / "synchronized").touch()
    assert time_quality(folder) == expected


def test_the_asyncapi_document_is_fresh(tmp_path: Path) -> None:
    main(tmp_path)
    assert (DOCS / FILE_NAME).read_bytes() == (tmp_path / FILE_NAME).read_bytes(), (
        f"docs/mqtt/{FILE_NAME} is stale: run python -m edge_agent.daemon.schemas docs/mqtt"
    )


def test_the_asyncapi_document_holds_whatever_it_refers_to() -> None:
    document = json.loads(asyncapi_file())

    def references(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    found = set(references(document))
    assert len(found) > len(MESSAGES)
    for reference in found:
        start, *keys = reference.split("/")
        target = document
        for key in keys:
            target = target[key]
        assert start == "#"


def test_the_asyncapi_document_says_how_each_message_is_carried() -> None:
    document = json.loads(asyncapi_file())
    topics = Topics("edge/v1", "gw-1")
    for kind, carriage in CARRIAGE.items():
        address = document["channels"][kind]["address"]
        topic = address.format(root="edge/v1", gateway="gw-1", asset="pump-1")
        own = topics.of_gateway(kind) if kind in OF_GATEWAY else topics.of("pump-1", kind)
        assert topic == own
        binding = document["operations"][f"send_{kind}"]["bindings"]["mqtt"]
        assert (binding["qos"], binding["retain"]) == (QOS, carriage.retained)
        assert binding.get("messageExpiryInterval") == carriage.expiry_s
