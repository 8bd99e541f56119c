"""The AsyncAPI document of the agent's messages, made from the same structs as their schemas.

AsyncAPI 3.0.0, https://www.asyncapi.com/docs/reference/specification/v3.0.0. One file without
references to others, so that any viewer or generator takes it as it is.
"""

from collections.abc import Sequence
from importlib.metadata import version
from inspect import cleandoc
from typing import Any, get_args

import msgspec

from edge_agent.daemon.commands.requests import RemoteCommand, name_of
from edge_agent.daemon.described import MESSAGES, explain, one_line
from edge_agent.daemon.topics import CARRIAGE, OF_GATEWAY, QOS, Kind
from edge_agent.rollout.messages import Desire, Report, Sealed

FILE_NAME = "asyncapi.json"
_REFERENCE = "#/components/schemas/{name}"
_NAME_FORM = "[A-Za-z0-9_.-]{1,64}"
_MQTT_BINDING = "0.2.0"


def asyncapi_file() -> bytes:
    """Return the document's content."""
    return msgspec.json.format(msgspec.json.encode(_document()), indent=2) + b"\n"


def _document() -> dict[str, Any]:
    commands = get_args(RemoteCommand)
    every = [*MESSAGES.values(), *commands, Report, Desire]
    _, schemas = msgspec.json.schema_components(every, ref_template=_REFERENCE)
    for definition in schemas.values():
        explain(definition)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edge-agent",
            "version": version("edge-agent"),
            "description": "What a gateway that watches machines publishes over MQTT 5 or 3.1.1,"
            " and what it can be told.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {kind: _channel(kind) for kind in MESSAGES}
        | {"command": _at("{root}/{gateway}/command", [name_of(one) for one in commands])}
        | {"desired": _at("{root}/desired/{gateway}", ["desired"])},
        "operations": {f"send_{kind}": _operation(kind) for kind in MESSAGES}
        | {"receive_command": _receiving(), "receive_desired": _wanted()},
        "components": {
            "messages": {kind: _message(kind, struct) for kind, struct in MESSAGES.items()}
            | {name_of(one): _message(name_of(one), one) for one in commands}
            | {"desired": _message("desired", Sealed)},
            "schemas": schemas,
        },
    }


def _channel(kind: Kind) -> dict[str, Any]:
    of_gateway = kind in OF_GATEWAY
    return _at("{root}/{gateway}/" + ("" if of_gateway else "{asset}/") + kind, [kind])


def _at(address: str, messages: Sequence[str]) -> dict[str, Any]:
    meanings = {
        "root": "First levels of every topic, edge/v1 unless configured otherwise.",
        "gateway": f"Name of the gateway, {_NAME_FORM}.",
        "asset": f"Name of the machine, {_NAME_FORM}.",
    }
    return {
        "address": address,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "parameters": {
            name: {"description": meanings[name]}
            | ({"default": "edge/v1", "examples": ["edge/v1"]} if name == "root" else {})
            for name in meanings
            if f"{{{name}}}" in address
        },
    }


def _operation(kind: Kind) -> dict[str, Any]:
    carriage = CARRIAGE[kind]
    binding: dict[str, Any] = {
        "qos": QOS,
        "retain": carriage.retained,
        "bindingVersion": _MQTT_BINDING,
    }
    if carriage.expiry_s is not None:
        binding["messageExpiryInterval"] = carriage.expiry_s
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{kind}"},
        "messages": [{"$ref": f"#/channels/{kind}/messages/{kind}"}],
        "bindings": {"mqtt": binding},
    }


def _receiving() -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/command"},
        "reply": {
            "address": {"location": "$message.header#/replyTo"},
            "channel": {"$ref": "#/channels/reply"},
        },
        "bindings": {"mqtt": {"qos": QOS, "bindingVersion": _MQTT_BINDING}},
    }


def _wanted() -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/desired"},
        "messages": [{"$ref": "#/channels/desired/messages/desired"}],
        "bindings": {"mqtt": {"qos": QOS, "retain": True, "bindingVersion": _MQTT_BINDING}},
    }


def _message(name: str, struct: type[msgspec.Struct]) -> dict[str, Any]:
    summary = cleandoc(struct.__doc__ or "").partition("\n\n")[0]
    return {
        "name": name,
        "title": struct.__name__,
        "summary": one_line(summary),
        "contentType": "application/json",
        "payload": {"$ref": _REFERENCE.format(name=struct.__name__)},
    }
