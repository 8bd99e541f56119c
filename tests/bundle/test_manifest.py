import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.bundle import Manifest
from edge_agent.bundle.manifest import decode_manifest, encode_manifest

Plain = dict[str, Any]


@pytest.fixture
def plain(manifest: Manifest) -> Plain:
    """The manifest as JSON values."""
    return dict(json.loads(encode_manifest(manifest)))


def decode(plain: Plain) -> Manifest:
    return decode_manifest(json.dumps(plain).encode())


def test_a_manifest_survives(manifest: Manifest) -> None:
    assert decode_manifest(encode_manifest(manifest)) == manifest


def test_the_same_manifest_gives_the_same_bytes(manifest: Manifest) -> None:
    again = decode_manifest(encode_manifest(manifest))

    assert encode_manifest(again) == encode_manifest(manifest)


def test_a_manifest_is_readable_by_a_person(manifest: Manifest) -> None:
    assert b'\n "name": "test-bearing"' in encode_manifest(manifest)


@pytest.mark.parametrize("version", ["1.0.0", "0.1.0", "10.20.30", "1.0.0-rc.1", "1.0.0+5.a-b"])
def test_semantic_versions_are_accepted(plain: Plain, version: str) -> None:
    assert decode(plain | {"version": version}).version == version


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema_version", 2),
        ("schema_version", "1"),
        ("name", ""),
        ("name", "a/b"),
        ("name", "a" * 65),
        ("name", "name\n"),
        ("name", ".."),
        ("version", "1.0"),
        ("version", "01.0.0"),
        ("version", "v1.0.0"),
        ("version", "1.0.0\n"),
        ("version", "1.0.0-01"),
        ("version", "1.0.0-"),
        ("created", "yesterday"),
        ("created", "2024-01-01"),
        ("created", "2024-01-01T00:00:00"),
        ("feature_hash", 5),
        ("members", {"model.tflite": {"sha256": "0", "size": -1}}),
    ],
)
def test_a_value_outside_its_grammar_is_refused(plain: Plain, key: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=key):
        decode(plain | {key: value})


def nested(plain: Plain, change: Callable[[Plain], object]) -> Plain:
    change(plain)
    return plain


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda m: m.update(extra=1), "extra"),
        (lambda m: m["flow"].update(extra=1), r"\$\.flow"),
        (lambda m: m["flow"]["input"].update(extra=1), r"\$\.flow\.input"),
        (lambda m: m["flow"]["scaler"].update(extra=1), r"\$\.flow\.scaler"),
        (lambda m: m["flow"]["features"][0].update(extra=1), r"\$\.flow\.features"),
        (lambda m: m["training"].update(extra=1), r"\$\.training"),
        (lambda m: m["flow"].pop("threshold"), "threshold"),
        (lambda m: m["flow"]["threshold"].update(value=None), r"threshold\.value"),
        (lambda m: m["flow"]["model"].update(targets=["0"]), r"model\.targets"),
        (lambda m: m["flow"]["scorer"].update(kind="guess"), r"scorer\.kind"),
    ],
)
def test_an_unknown_or_missing_key_or_a_wrong_type_is_refused_with_its_path(
    plain: Plain, change: Callable[[Plain], object], path: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=path):
        decode(nested(plain, change))


@given(text=st.binary(max_size=200))
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_manifest(text)


@pytest.mark.parametrize(
    "options",
    [b"[" * 100_000 + b"]" * 100_000, b'"\xff\xfe"', b"1e999", b"NaN", b"{"],
    ids=["deep", "no UTF-8", "infinite", "no number", "cut"],
)
def test_hostile_json_is_refused(plain: Plain, options: bytes) -> None:
    plain["flow"]["features"][0]["options"] = {"x": "HERE"}
    content = json.dumps(plain).encode().replace(b'"HERE"', options)

    with pytest.raises(msgspec.MsgspecError):
        decode_manifest(content)
