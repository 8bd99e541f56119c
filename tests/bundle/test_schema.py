import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.bundle import Manifest
from edge_agent.bundle.manifest import encode_manifest
from edge_agent.bundle.schema import encode_schema, manifest_schema

FILE = Path(__file__).parents[2] / "docs" / "bundle" / "manifest.schema.json"


def test_the_schema_in_the_documentation_is_fresh() -> None:
    command = "python -m edge_agent.bundle.schema docs/bundle/manifest.schema.json"

    assert FILE.read_bytes() == encode_schema(), f"out of date, write it again: {command}"


def test_the_command_writes_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"

    subprocess.run([sys.executable, "-m", "edge_agent.bundle.schema", str(path)], check=True)

    assert path.read_bytes() == encode_schema()


def test_every_struct_refuses_unknown_keys_and_every_key_is_described() -> None:
    schema = manifest_schema()

    structs = {name: found for name, found in schema["$defs"].items() if found["type"] == "object"}
    assert schema["$ref"] == "#/$defs/Manifest"
    assert {name for name, found in structs.items() if found["additionalProperties"]} == set()
    assert all(found["description"] for found in structs.values())
    assert not any("\n    Attributes" in found["description"] for found in structs.values())


def test_the_schema_names_every_key_of_a_manifest(manifest: Manifest) -> None:
    definitions = manifest_schema()["$defs"]

    def check(value: Any, kind: dict[str, Any]) -> None:
        named = [k["$ref"] for k in kind.get("anyOf", [kind]) if "$ref" in k]
        for found in (definitions[name.rpartition("/")[2]] for name in named):
            assert set(value) <= set(found["properties"])
            assert set(found["required"]) <= set(value)
            for name, inner in value.items():
                if isinstance(inner, dict):
                    check(inner, found["properties"][name])

    check(json.loads(encode_manifest(manifest)), {"$ref": "#/$defs/Manifest"})


def test_the_schema_is_json_of_its_own_dialect() -> None:
    assert msgspec.json.decode(encode_schema())["$schema"].endswith("2020-12/schema")
