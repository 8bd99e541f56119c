"""The JSON Schemas of all messages, generated from their structs; and the AsyncAPI document.

``python -m edge_agent.daemon.schemas docs/mqtt`` writes them anew.
"""

import re
import sys
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.daemon.alarms.messages import GroupState, Label
from edge_agent.daemon.commands.messages import Reply
from edge_agent.daemon.commands.requests import Command, RemoteCommand
from edge_agent.daemon.envelope import Envelope
from edge_agent.daemon.messages import (
    AlarmState,
    AnomalyEvent,
    Features,
    Message,
    ModelState,
    Score,
    Snapshot,
    Status,
)
from edge_agent.daemon.topics import Kind
from edge_agent.rollout.messages import Desire, Report, Sealed

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_ENVELOPE, _COMMAND = (
    cleandoc(struct.__doc__ or "").partition("Attributes:\n")[2] + "\n"
    for struct in (Envelope, Command)
)
DIALECT = "https://json-schema.org/draft/2020-12/schema"
MESSAGES: dict[Kind, type[Message | Sealed]] = {
    "features": Features,
    "score": Score,
    "anomaly": AnomalyEvent,
    "snapshot": Snapshot,
    "alarm": AlarmState,
    "model": ModelState,
    "label": Label,
    "group": GroupState,
    "status": Status,
    "update": Sealed,
    "reply": Reply,
}


def schema_files() -> dict[str, bytes]:
    """Return the content of each schema file by its name."""
    files = {f"{kind}.schema.json": _schema(struct) for kind, struct in MESSAGES.items()}
    more = {"command": RemoteCommand, "desired": Sealed, "report": Report, "desire": Desire}
    return files | {f"{name}.schema.json": _schema(said) for name, said in more.items()}


def _schema(struct: Any) -> bytes:  # noqa: ANN401 - a struct, or a union of some
    schema = {"$schema": DIALECT, **msgspec.json.schema(struct)}
    for definition in schema["$defs"].values():
        explain(definition)
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def explain(definition: dict[str, Any]) -> None:
    """Take the docstring apart: its text for the message, each attribute's for the property."""
    text, _, attributes = cleandoc(definition.pop("description", "")).partition("\n\nAttributes:\n")
    definition["description"] = one_line(text)
    lines = attributes
    if "session" in definition["properties"]:
        lines = _ENVELOPE + attributes
    elif "command" in definition["properties"] and "by" in definition["properties"]:
        lines = _COMMAND + attributes
    for name, meaning in _ATTRIBUTE.findall(lines):
        if name in definition["properties"]:
            definition["properties"][name]["description"] = one_line(meaning)


def one_line(text: str) -> str:
    """Return ``text`` without line breaks and marks of reStructuredText."""
    return " ".join(text.replace("``", "").split())


def main(folder: Path) -> None:
    """Write every schema, and the document that holds them all, into ``folder``."""
    from edge_agent.daemon.asyncapi import FILE_NAME, asyncapi_file

    folder.mkdir(parents=True, exist_ok=True)
    for name, content in schema_files().items():
        (folder / name).write_bytes(content)
    (folder / FILE_NAME).write_bytes(asyncapi_file())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
