"""The JSON Schemas of all messages, generated from their structs; and the AsyncAPI document.

``python -m edge_agent.daemon.schemas docs/mqtt`` writes them anew.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.daemon.asyncapi import FILE_NAME, asyncapi_file
from edge_agent.daemon.commands.requests import RemoteCommand
from edge_agent.daemon.described import MESSAGES, explain
from edge_agent.rollout.messages import Desire, Report, Sealed

DIALECT = "https://json-schema.org/draft/2020-12/schema"


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


def main(folder: Path) -> None:
    """Write every schema, and the document that holds them all, into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in schema_files().items():
        (folder / name).write_bytes(content)
    (folder / FILE_NAME).write_bytes(asyncapi_file())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
