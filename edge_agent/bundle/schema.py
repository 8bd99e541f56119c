"""Write the JSON Schema of the manifest: ``python -m edge_agent.bundle.schema FILE``."""

import inspect
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.bundle.manifest import Manifest


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of ``manifest.json``."""
    schema = msgspec.json.schema(Manifest)
    for definition in schema["$defs"].values():
        # Docstrings keep their indentation up to Python 3.12 and lose it from 3.13 on.
        definition["description"] = inspect.cleandoc(definition["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def encode_schema() -> bytes:
    """Return the schema as indented JSON with a final line break; equal code, equal bytes."""
    text = msgspec.json.encode(manifest_schema(), order="sorted")
    return msgspec.json.format(text, indent=2) + b"\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(encode_schema())
