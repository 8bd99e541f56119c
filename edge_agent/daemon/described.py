"""Every message by its kind, and what the docstrings of its struct say of it and its fields."""

import re
from inspect import cleandoc
from typing import Any

from edge_agent.daemon.alarms.messages import GroupState, Label
from edge_agent.daemon.commands.messages import Reply
from edge_agent.daemon.commands.requests import Command
from edge_agent.daemon.envelope import Envelope
from edge_agent.daemon.messages import (
    AlarmState,
    AnomalyEvent,
    Features,
    Message,
    ModelState,
    Score,
    Snapshot,
)
from edge_agent.daemon.status_message import Status
from edge_agent.daemon.topics import Kind
from edge_agent.rollout.messages import Sealed

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_ENVELOPE, _COMMAND = (
    cleandoc(struct.__doc__ or "").partition("Attributes:\n")[2] + "\n"
    for struct in (Envelope, Command)
)
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
