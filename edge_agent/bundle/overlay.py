"""An overlay: what commissioning made of a general bundle for one asset, kept beside the bundle."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from edge_agent.bundle.bundle import Bundle, BundleError, BundleUnavailableError
from edge_agent.bundle.loaded import LoadedBundle
from edge_agent.bundle.manifest import Manifest
from edge_agent.calibration.commission import Commissioned, General
from edge_agent.pipeline.features import FeatureUnavailableError
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.vectors import feature_extractor
from edge_agent.plugin import FeatureError

_HEX = "^[0-9a-f]{64}$"
_LIMIT_BYTES = 4 << 20


class OverlayError(BundleError):
    """The overlay is refused; the message names what was found and what is allowed."""


class Overlay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of one asset, for the network of one bundle and no other.

    Attributes:
        schema_version: of this format.
        model_sha256: of the network whose residuals the threshold was chosen from.
        feature_hash: the bundle's; the scaler is bound to it.
        healthy: the asset's windows [first, last) that were taken as healthy.
        windows: how many of them were used (idle, invalid and odd ones are not).
        sensor: plugin that the asset's samples came from; None: from a recording.
        flow: all parameters from block to alarm.
        digest: sha256 of all this as JSON with sorted keys and an empty digest.
    """

    schema_version: Literal[1] = 1
    model_sha256: Annotated[str, msgspec.Meta(pattern=_HEX)]
    feature_hash: Annotated[str, msgspec.Meta(pattern=_HEX)]
    healthy: tuple[int, int]
    windows: int
    sensor: str | None = None
    flow: FlowSpec
    digest: str = ""

    def computed_digest(self) -> str:
        """Return the digest that ``digest`` should be."""
        blank = msgspec.structs.replace(self, digest="")
        return hashlib.sha256(msgspec.json.encode(blank, order="sorted")).hexdigest()


def make_overlay(
    manifest: Manifest,
    found: Commissioned,
    healthy: tuple[int, int],
    sensor: str | None = None,
) -> Overlay:
    """Return the overlay of an asset that was commissioned with the bundle of ``manifest``.

    Args:
        manifest: of the general bundle.
        found: what was chosen.
        healthy: the asset's windows [first, last) that it was chosen from.
        sensor: plugin that they came from.
    """
    overlay = Overlay(
        model_sha256=manifest.members["model.tflite"].sha256,
        feature_hash=manifest.feature_hash,
        healthy=healthy,
        windows=len(found.ready.rows),
        sensor=sensor,
        flow=found.flow,
    )
    return msgspec.structs.replace(overlay, digest=overlay.computed_digest())


def encode_overlay(overlay: Overlay) -> bytes:
    """Return the overlay as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(overlay), indent=1)


def decode_overlay(content: bytes, source: str = "overlay") -> Overlay:
    """Return the overlay in ``content``.

    Raises:
        OverlayError: not an overlay, or changed since it was made.
    """
    try:
        overlay = msgspec.json.decode(content, type=Overlay)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise OverlayError(f"{source}: {error}") from error
    found = overlay.computed_digest()
    if overlay.digest != found:
        raise OverlayError(
            f"{source}: digest is {overlay.digest[:12]}..., its content has {found[:12]}..."
        )
    return overlay


def read_overlay(path: Path) -> Overlay:
    """Return the overlay in the file at ``path``. Raises OverlayError as ``decode_overlay``."""
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT_BYTES + 1)
    except OSError as error:
        raise OverlayError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > _LIMIT_BYTES:
        raise OverlayError(f"{path}: larger than {_LIMIT_BYTES} bytes, which is the most")
    return decode_overlay(content, str(path))


def general_part(bundle: Bundle) -> General:
    """Return what commissioning needs of a general bundle.

    Raises:
        BundleError: the bundle is calibrated to an asset.
    """
    manifest = bundle.manifest
    if manifest.form != "general" or manifest.calibration is None or bundle.model is None:
        raise BundleError(
            f"{bundle.source}: form is {manifest.form}, allowed for commissioning: general"
        )
    return General(manifest.calibration, manifest.flow, bundle.model)


def require_calibrated(bundle: Bundle) -> None:
    """Refuse a general bundle, to be used without an overlay. Raises BundleError."""
    if bundle.manifest.form == "general":
        raise BundleError(
            f"{bundle.source}: form is general, which scores no machine before it is commissioned"
            " on it; allowed: calibrated, or general with the overlay of a commissioning"
        )


def apply_overlay(overlay: Overlay, bundle: Bundle, loaded: Model | None = None) -> LoadedBundle:
    """Return ``bundle`` ready to judge the asset of ``overlay``.

    Args:
        overlay: of the asset.
        bundle: a general one.
        loaded: its network, where another asset of the same thread has it already.

    Raises:
        OverlayError: it was made with another network or for other features, or does not fit.
        BundleError: the bundle is not general, or cannot run here.
    """
    general = general_part(bundle)
    manifest = bundle.manifest
    bound = {
        "model_sha256": (overlay.model_sha256, manifest.members["model.tflite"].sha256),
        "feature_hash": (overlay.feature_hash, manifest.feature_hash),
    }
    for name, (found, needed) in bound.items():
        if found != needed:
            raise OverlayError(
                f"{bundle.source}: the overlay's {name} is {found[:12]}..., allowed:"
                f" {needed[:12]}...; commission the asset again"
            )
    flow = overlay.flow
    try:
        one = flow.model.of_one_position(len(flow.watched_names))
        n_features = len(flow.watched_names)
        if loaded is None:
            model = Model(general.model, flow.model, n_features)
        else:
            model = loaded.for_positions(flow.model, n_features)
        features = feature_extractor(flow)
    except FeatureUnavailableError as error:
        raise BundleUnavailableError(f"{bundle.source}: {error}") from error
    except FeatureError as error:
        raise BundleError(f"{bundle.source}: {error}") from error
    except ValueError as error:
        raise OverlayError(f"{bundle.source}: the overlay does not fit: {error}") from error
    if one != general.flow.model:
        raise OverlayError(
            f"{bundle.source}: the overlay runs the network otherwise than the bundle says"
        )
    return LoadedBundle(
        bundle.source,
        bundle.sha256,
        msgspec.structs.replace(manifest, flow=flow),
        model,
        features,
        overlay.digest,
    )
