"""Collected features as what they are: a gateway's bundle computed them from samples.

A bundle that is trained from them may take over the input of that one, and runs where it ran.
"""

from dataclasses import dataclass, replace

from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import require_calibrated
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.block import InputSpec, table_input
from edge_agent.pipeline.window import Window
from edge_agent.recordings import Recording
from trainer.data import Progress, compute_series
from trainer.measure import quiet_windows

_NS = 1_000_000_000
_PERIOD_TOLERANCE = 0.1  # a median of stamps on arrival is nearer than that


@dataclass(frozen=True, slots=True)
class Origin:
    """The bundle whose input is taken over.

    Attributes:
        sha256: of its file.
        raw: its golden windows, of the machine in health: a store of features has none.
    """

    sha256: str
    raw: tuple[Window, ...]


def read_collected(
    recording: Recording, bundle: Bundle, progress: Progress | None = None
) -> tuple[Series, Origin]:
    """Read the vectors in ``recording`` as those that ``bundle`` computes from samples.

    Features are told by their names, and put in the order of the bundle's.

    Args:
        recording: a store's folder or a feature table.
        bundle: what the gateway ran while they were collected.
        progress: called after each row with how many are done, and of how many.

    Raises:
        DataError: one of the two is not of that kind, or they do not go together: other features,
            another unit, or windows of another distance.
        BundleError: the bundle is general, or computes other numbers here than where it was made.
    """
    require_calibrated(bundle)
    flow = bundle.manifest.flow
    if flow.input.kind != "samples":
        raise DataError(
            f"{bundle.source}: input.kind is features, allowed: the bundle that computed the"
            " features from samples"
        )
    problem = _misfit(recording, flow.input, flow.feature_names)
    if problem is not None:
        raise DataError(f"{recording.path}: not collected with {bundle.source}: {problem}")
    bundle.verify_golden()
    table = table_input(flow.feature_names, recording.period_s)
    series = compute_series(recording, (), table, progress)
    ends_ns = series.end_ns
    if flow.input.rate_hz is not None:
        ends_ns = series.start_ns + round(flow.input.length / flow.input.rate_hz * _NS)
    series = replace(series, input=flow.input, features=flow.features, end_ns=ends_ns)
    return series, Origin(bundle.sha256, tuple(quiet_windows(bundle.golden)))


def _misfit(recording: Recording, made: InputSpec, names: tuple[str, ...]) -> str | None:
    """Say why ``recording`` cannot have been computed so, None where it can."""
    if recording.kind != "features":
        return "it holds samples, allowed: features"
    found = recording.channels
    if set(found) != set(names):
        differ = ", ".join(sorted(set(found) ^ set(names)))
        return (
            f"it has the features {', '.join(found)}, the bundle {', '.join(names)};"
            f" only in one of them: {differ}"
        )
    if None not in (recording.unit, made.unit) and recording.unit != made.unit:
        return f"its unit is {recording.unit}, the bundle's {made.unit}"
    apart_s = [made.period_s] if made.rate_hz is None else [made.period_s, made.hop / made.rate_hz]
    known_s = [one for one in apart_s if one is not None]
    period_s = recording.period_s
    if known_s and period_s is not None and not any(_near(period_s, one) for one in known_s):
        listed = " or ".join(f"{one:g}" for one in known_s)
        return f"its windows are {period_s:g} s apart, the bundle's {listed} s"
    return None


def _near(found_s: float, expected_s: float) -> bool:
    return abs(found_s - expected_s) <= _PERIOD_TOLERANCE * expected_s
