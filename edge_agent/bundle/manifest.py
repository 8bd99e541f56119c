"""The manifest: everything about a bundle but the network's weights."""

import re
from typing import Annotated, Literal

import msgspec

from edge_agent.calibration.choices import Calibration
from edge_agent.pipeline.features import FeatureSpec
from edge_agent.pipeline.spec import FlowSpec

SCHEMA_VERSION = 1

VERSION_LENGTH_MAX = 80  # files and folders are named after it, and its numbers are compared

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NUMBER = r"(?:0|[1-9][0-9]*)"  # semver.org 2.0.0: without leading zeros
_LABEL = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_LABEL}(?:\.{_LABEL})*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
_HEX = "^[0-9a-f]{64}$"


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Digest (hex) and size in bytes of another member of the bundle."""

    sha256: Annotated[str, msgspec.Meta(pattern=_HEX)]
    size: Annotated[int, msgspec.Meta(ge=0)]


class TrainedOn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One channel of one asset that a general network was trained on.

    Attributes:
        asset: name.
        channel: of the asset.
        data_sha256: digest of its healthy feature vectors.
        healthy: the windows [first, last) that were taken as healthy.
        windows: how many of them were used.
    """

    asset: str
    channel: str
    data_sha256: str
    healthy: tuple[int, int]
    windows: int


class Training(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the bundle comes from.

    Attributes:
        recipe: name of the recipe.
        data_sha256: digest of the healthy feature vectors it was made from.
        healthy: the windows [first, last) of the recording that were taken as healthy.
        windows: how many of them were used (idle and invalid ones are not).
        seed: of all random numbers.
        versions: of what made it, such as ``{"tensorflow": "2.21.0"}``.
        positions: what a general network was trained on; the figures above are then those of
            the first. Empty for a calibrated bundle.
        input_of: sha256 of the bundle that computed the vectors on a gateway, whose input this one
            took over with its raw golden windows; None where the recording had samples.
    """

    recipe: str
    data_sha256: str
    healthy: tuple[int, int]
    windows: int
    seed: int
    versions: dict[str, str]
    positions: tuple[TrainedOn, ...] = ()
    input_of: Annotated[str, msgspec.Meta(pattern=_HEX)] | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``manifest.json``.

    Attributes:
        schema_version: of this format.
        name: of the bundle, ``[A-Za-z0-9_.-]{1,64}``.
        version: of the bundle, SemVer 2.0.0, 80 characters at most.
        created: RFC 3339, UTC, ending in Z.
        flow: all parameters from block to alarm.
        feature_hash: digest of feature plugins, versions, options and names; the scaler is bound
            to it.
        training: where it comes from.
        metrics: figures measured by the trainer, such as quantization parity.
        baselines: the same figures of plain methods, by method.
        members: the other members.
        form: ``calibrated`` to one asset, or ``general``: to be commissioned on its asset before
            it may score; ``flow`` is then that of a reference channel, for the golden vectors.
        calibration: how the numbers of ``flow`` were chosen, to choose them again for another
            asset; None in bundles that do not say.
        plugins: what computes a general bundle's features from an asset's samples; empty where
            they were only ever taken from tables.
    """

    schema_version: int
    name: str
    version: str
    created: str
    flow: FlowSpec
    feature_hash: str
    training: Training
    metrics: dict[str, float | str | None]
    baselines: dict[str, dict[str, float | None]]
    members: dict[str, Member]
    form: Literal["calibrated", "general"] = "calibrated"
    calibration: Calibration | None = None
    plugins: tuple[FeatureSpec, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names and versions outside their grammar. Raises ValueError."""
        if self.schema_version != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {self.schema_version}, allowed: {SCHEMA_VERSION}")
        problem = identity_problem(self.name, self.version)
        if problem is not None:
            raise ValueError(problem)
        if self.form == "general" and (self.calibration is None or not self.flow.model.has_network):
            raise ValueError("form is general, allowed only with a network and its calibration")
        if not _CREATED.fullmatch(self.created):
            raise ValueError(f"created is {self.created!r}, allowed: as 2024-01-31T12:00:00Z")


def identity_problem(name: str, version: str) -> str | None:
    """Say what is wrong with a bundle's name or version, None where both may be used."""
    if not _NAME.fullmatch(name) or name in (".", ".."):
        return f"name is {name!r}, allowed: {_NAME.pattern} but . and .."
    if len(version) > VERSION_LENGTH_MAX:
        return f"version has {len(version)} characters, allowed: {VERSION_LENGTH_MAX} at most"
    if not _SEMVER.fullmatch(version):
        return f"version is {version!r}, allowed: SemVer such as 1.4.0"
    return None


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def decode_manifest(content: bytes) -> Manifest:
    """Return the manifest in ``content``.

    Raises:
        msgspec.MsgspecError: not JSON, or not the schema; the message holds the path.
    """
    try:
        return msgspec.json.decode(content, type=Manifest)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(f"not JSON of this schema: {error}") from error
