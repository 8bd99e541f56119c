"""Bundles: damaged files, and sound archives of damaged members."""

import hashlib
import io
import json
import random
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.torture.fuzz.mutate import as_json, mutated, mutated_tree
from benchmarks.torture.fuzz.target import Allowed
from benchmarks.torture.samples import LENGTH, small_bundle
from edge_agent.bundle import BundleError
from edge_agent.bundle.archive import read_archive, write_archive
from edge_agent.bundle.bundle import MEMBER_LIMITS, Bundle
from edge_agent.bundle.manifest import Member
from edge_agent.plugin import Block

_WORDS = (
    b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"\x93NUMPY\x01\x00",
    b"manifest.json", b"model.tflite", b"golden.npz", b"../", b"TFL3", b"null", b"NaN", b"1e999",
    b"[" * 3000, b"{" * 3000, b"(" * 900, b"'descr': '|O'", b"'shape': (-1,)", b"9" * 100,
)  # fmt: skip
_CALM = np.zeros((LENGTH, 1), np.float32)


class Bundles:
    """Reads a bundle; one that is let through is loaded, verified and run."""

    allowed: Allowed = (BundleError,)

    def __init__(self, _folder: Path) -> None:
        """Begin with a bundle, whole and in parts."""
        self._whole = small_bundle()
        self._members = read_archive(self._whole, MEMBER_LIMITS, set())
        self._manifest = json.loads(self._members["manifest.json"])
        golden = np.load(io.BytesIO(self._members["golden.npz"]))
        self._golden = {name: golden[name] for name in golden.files}

    def feed(self, number: int, rng: random.Random) -> None:  # noqa: ARG002
        """Read one."""
        content = self._damaged(rng)
        bundle = Bundle.decode(content)
        loaded = bundle.load()
        bundle.verify_golden(loaded)
        flow = loaded.flow(None)
        for second in range(3):
            given = loaded.manifest.flow.input
            if given.channels == ("x",) and given.length == LENGTH:
                block = Block(_CALM, second * 10**9, given.rate_hz, given.unit, given.channels)
                list(flow.push_block(block))

    def _damaged(self, rng: random.Random) -> bytes:
        members = dict(self._members)
        match rng.randrange(5):
            case 0:
                return mutated(self._whole, rng, _WORDS)
            case 1 | 2:
                members["manifest.json"] = as_json(mutated_tree(self._manifest, rng))
            case 3:
                members["manifest.json"] = mutated(members["manifest.json"], rng, _WORDS)
            case _:
                members["golden.npz"] = self._damaged_golden(rng)
        return _sealed(members)

    def _damaged_golden(self, rng: random.Random) -> bytes:
        packed = {}
        which = rng.choice(list(self._golden))
        for name, array in self._golden.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, version=(1, 0))
            content = buffer.getvalue()
            packed[f"{name}.npy"] = mutated(content, rng, _WORDS) if name == which else content
        return write_archive(packed)

    def close(self) -> None:
        """Nothing was kept."""


def _sealed(members: dict[str, bytes]) -> bytes:
    """Return an archive whose digests are right where its manifest can still hold them."""
    try:
        manifest = msgspec.json.decode(members["manifest.json"])
        stated = manifest["members"]
        for name, content in members.items():
            if name in stated:
                stated[name] = msgspec.to_builtins(Member(_sha256(content), len(content)))
        members = {**members, "manifest.json": msgspec.json.encode(manifest)}
    except (msgspec.MsgspecError, UnicodeError, KeyError, TypeError, RecursionError):
        pass  # damaged beyond that
    return write_archive(members)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
