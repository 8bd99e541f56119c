"""A bundle as one value: read and checked from a file, or written to one."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from edge_agent.bundle.archive import ArchiveError, read_archive, write_archive
from edge_agent.bundle.golden import Golden, GoldenError, check_golden, decode_golden
from edge_agent.bundle.loaded import LoadedBundle
from edge_agent.bundle.manifest import Manifest, Member, decode_manifest, encode_manifest
from edge_agent.pipeline.features import FeatureUnavailableError, feature_hash
from edge_agent.pipeline.model import ModelError, load_model
from edge_agent.pipeline.vectors import feature_extractor
from edge_agent.plugin import FeatureError

SUFFIX = ".edgemodel"
LIMIT_BYTES = 48 << 20
MEMBER_LIMITS = {
    "manifest.json": 4 << 20,
    "model.tflite": 16 << 20,
    "golden.npz": 20 << 20,
    "report.html": 16 << 20,
}
REQUIRED = {"manifest.json", "golden.npz"}


class BundleError(ValueError):
    """The bundle is refused; the message names the file, what was found and what is allowed."""


class BundleUnavailableError(BundleError):
    """The bundle is sound, but a feature plugin it needs is missing here or of another version."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One file that goes from trainer to gateway.

    Attributes:
        source: the file it was read from, for messages.
        sha256: hex digest of the whole file.
        manifest: its parameters.
        model: the TFLite file, None where a plain rule stands in for a network.
        golden: windows and what must come of them.
        report: an HTML page, None where there is none.
    """

    source: str
    sha256: str
    manifest: Manifest
    model: bytes | None
    golden: Golden
    report: bytes | None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the bundle at ``path`` and check all that can be checked without running it.

        Raises:
            BundleError: not readable, damaged, truncated, oversized, mismatching or hostile.
        """
        try:
            with path.open("rb") as file:
                content = file.read(LIMIT_BYTES + 1)
        except OSError as error:
            raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
        return cls.decode(content, str(path))

    @classmethod
    def decode(cls, content: bytes, source: str = "bundle") -> Self:
        """Take a bundle from bytes. Raises BundleError as ``read`` does."""
        if len(content) > LIMIT_BYTES:
            raise BundleError(f"{source}: larger than {LIMIT_BYTES} bytes, which is the most")
        try:
            members = read_archive(content, MEMBER_LIMITS, REQUIRED)
            manifest = decode_manifest(members.pop("manifest.json"))
            _check_members(manifest, members)
            golden = decode_golden(members["golden.npz"])
        except msgspec.MsgspecError as error:
            raise BundleError(f"{source}: manifest.json: {error}") from error
        except (ArchiveError, GoldenError) as error:
            raise BundleError(f"{source}: {error}") from error
        _check_manifest(manifest, source)
        return cls(
            source=source,
            sha256=hashlib.sha256(content).hexdigest(),
            manifest=manifest,
            model=members.get("model.tflite"),
            golden=golden,
            report=members.get("report.html"),
        )

    def load(self) -> LoadedBundle:
        """Prepare network and features, once for all assets that follow the bundle.

        Raises:
            BundleUnavailableError: a feature plugin is missing or of another version.
            BundleError: this runtime cannot run the network, or a feature plugin cannot work.
        """
        flow = self.manifest.flow
        try:
            model = load_model(self.model, flow.model, len(flow.watched_names))
            features = feature_extractor(flow)
        except ModelError as error:
            raise BundleError(f"{self.source}: model.tflite: {error}") from error
        except FeatureUnavailableError as error:
            raise BundleUnavailableError(f"{self.source}: {error}") from error
        except FeatureError as error:
            raise BundleError(f"{self.source}: {error}") from error
        return LoadedBundle(self.source, self.sha256, self.manifest, model, features)

    def verify_golden(self, loaded: LoadedBundle | None = None) -> None:
        """Replay the golden vectors with this machine's plugins and interpreter.

        Args:
            loaded: this bundle, where it is loaded already.

        Raises:
            BundleError: the bundle cannot run here or computes other numbers.
        """
        loaded = loaded or self.load()
        try:
            # Absurd numbers are refused by what comes of them, not by warnings on the terminal.
            with np.errstate(all="ignore"):
                check_golden(loaded.flow(), self.golden)
        except ValueError as error:  # also numbers that are allowed each, but not together
            raise BundleError(f"{self.source}: {error}") from error


def encode_bundle(
    manifest: Manifest, model: bytes | None, golden: Golden, report: bytes | None = None
) -> bytes:
    """Return the file of a bundle; ``manifest.members`` is filled in here."""
    members = {} if model is None else {"model.tflite": model}
    members["golden.npz"] = golden.encode()
    if report is not None:
        members["report.html"] = report
    digests = {
        name: Member(hashlib.sha256(content).hexdigest(), len(content))
        for name, content in members.items()
    }
    complete = msgspec.structs.replace(manifest, members=digests)
    return write_archive({"manifest.json": encode_manifest(complete), **members})


def _check_members(manifest: Manifest, members: dict[str, bytes]) -> None:
    if set(manifest.members) != set(members):
        raise ArchiveError(
            f"manifest.json names {sorted(manifest.members)}, the archive holds {sorted(members)}"
        )
    for name, content in members.items():
        stated, found = manifest.members[name], hashlib.sha256(content).hexdigest()
        if stated.size != len(content) or stated.sha256 != found:
            raise ArchiveError(
                f"member {name!r} has {len(content)} bytes of sha256 {found[:12]}...,"
                f" the manifest states {stated.size} of {stated.sha256[:12]}..."
            )


def _check_manifest(manifest: Manifest, source: str) -> None:
    flow = manifest.flow
    if flow.model.has_network != ("model.tflite" in manifest.members):
        raise BundleError(
            f"{source}: manifest.json: model.family is {flow.model.family}, and model.tflite is "
            f"{'missing' if flow.model.has_network else 'there'}, allowed: a network with its file,"
            " or neither"
        )
    n, watched = len(flow.feature_names), len(flow.watched_names)
    lengths = {
        "scaler": len(flow.scaler.offset),
        "scorer": len(flow.scorer.mean) if flow.scorer.kind == "mahalanobis" else None,
    }
    targets = flow.model.targets
    used = (*targets, *(flow.gate.features if flow.gate else ()))
    used += flow.level.features if flow.level else ()
    if lengths["scaler"] != watched or lengths["scorer"] not in (None, len(targets)):
        raise BundleError(
            f"{source}: manifest.json: scaler or scorer does not fit {watched} features"
        )
    if not targets or any(not 0 <= i < n for i in used):
        raise BundleError(f"{source}: manifest.json: a feature index is outside 0..{n - 1}")
    table = flow.input.kind == "features"
    if table and (flow.features or flow.feature_names != flow.input.channels):
        raise BundleError(
            f"{source}: manifest.json: input.channels of a feature table must be its"
            " feature_names, and no plugins listed"
        )
    if len(set(flow.feature_names)) != n or (not table and not flow.features):
        raise BundleError(
            f"{source}: manifest.json: feature_names holds a name twice, or features is empty"
        )
    found = feature_hash(flow.features, flow.feature_names)
    if found != manifest.feature_hash:
        raise BundleError(
            f"{source}: manifest.json: feature_hash {manifest.feature_hash[:12]}... does not match"
            f" its features ({found[:12]}...)"
        )
