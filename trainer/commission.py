"""Commissioning a general bundle on a recording, as the gateway will on its sensor."""

from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import Overlay, general_part, make_overlay
from edge_agent.calibration.commission import Commissioned, commission
from edge_agent.calibration.series import DataError, Series
from edge_agent.recordings import Recording
from trainer.data import Progress, compute_series, input_of
from trainer.recipe import WindowChoice


def read_asset(
    bundle: Bundle,
    recording: Recording,
    length: int | None = None,
    hop: int | None = None,
    progress: Progress | None = None,
) -> Series:
    """Return the vectors of ``recording`` with the features that a general ``bundle`` takes.

    Args:
        bundle: a general one.
        recording: of the asset; all its channels.
        length: samples per window, where the recording does not come in bursts.
        hop: samples from one window to the next.
        progress: called with how many windows are read.

    Raises:
        DataError: the bundle was trained on tables only and the recording holds samples, or no
            window can be cut.
        FeatureError: a feature cannot be computed from such windows.
        BundleError: the bundle is not general.
    """
    wanted = general_part(bundle).features
    plugins = bundle.manifest.plugins
    if recording.kind == "samples" and not plugins:
        raise DataError(
            f"{recording.path}: samples found, allowed for {bundle.source}: a feature table with"
            f" {', '.join(wanted)}, from which alone it was made"
        )
    spec = input_of(recording, WindowChoice(), wanted, length, hop)
    return compute_series(recording, plugins, spec, progress)


def commission_bundle(
    bundle: Bundle, series: Series, healthy: tuple[int, int]
) -> tuple[Overlay, Commissioned]:
    """Commission ``bundle`` on the windows [first, last) of ``series``.

    Raises:
        DataError: see ``edge_agent.calibration.commission``.
        BundleError: the bundle is not general.
    """
    found = commission(general_part(bundle), series, healthy)
    return make_overlay(bundle.manifest, found, healthy), found
