"""The child process that computes an overlay, see ``edge_agent.rollout.child``.

Choosing the numbers takes seconds of a processor and tens of megabytes for as long. The order
comes on standard input, the outcome goes to standard output, both JSON.
"""

from pathlib import Path

import msgspec
import numpy as np

from edge_agent.bundle import Bundle, BundleError
from edge_agent.bundle.overlay import Overlay, encode_overlay, general_part, make_overlay
from edge_agent.calibration.commission import Commissioned, commission
from edge_agent.calibration.health import Sensor, odd_windows, require_sound
from edge_agent.calibration.series import DataError, Series
from edge_agent.daemon.child import ChildError, outcome_of
from edge_agent.daemon.config.settings import RecorderSettings
from edge_agent.daemon.recorder import Recorder, Rows
from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.features import FeatureSpec
from edge_agent.rollout.child import do_order

_TIMEOUT_S = 600.0


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to commission, and from what.

    Attributes:
        asset: whose recorder is read.
        sensor: its plugin.
        bundle: file of a general bundle.
        sha256: of that file.
        recorder: folder of the recorder.
        first: index of the first window.
        end: index after the last one.
        input: how the windows were cut.
        features: what computed their vectors.
        names: of the vectors' numbers.
        limit_mm_s: of the velocity; None where none is set.
        false_alarms_per_month: None: what the bundle's recipe comes to.
    """

    asset: str
    sensor: str
    bundle: str
    sha256: str
    recorder: str
    first: int
    end: int
    input: InputSpec
    features: tuple[FeatureSpec, ...]
    names: tuple[str, ...]
    limit_mm_s: float | None = None
    false_alarms_per_month: float | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: one of the two.

    Attributes:
        overlay: JSON of the overlay.
        refused: why there is none.
        odd: windows that were left out because they were unlike the others.
    """

    overlay: str | None = None
    refused: str | None = None
    odd: int = 0


def compute(order: Order) -> Outcome:
    """Commission an asset from its recorded windows, or say why not."""
    try:
        bundle = Bundle.read(Path(order.bundle))
        if bundle.sha256 != order.sha256:
            return Outcome(refused=f"{order.bundle}: has become another file meanwhile")
        general = general_part(bundle)
        rows = _rows(order)
        sensor = Sensor(rows.clipped, rows.velocity_mm_s, order.limit_mm_s)
        series, windows = _series(order, rows), (0, len(rows))
        require_sound(sensor)
        found = commission(general, series, windows)
        odd = odd_windows(found.series, found.ready)
        if len(odd):
            series.vectors[odd] = np.nan
        if len(odd) or order.false_alarms_per_month is not None:
            found = commission(general, series, windows, order.false_alarms_per_month)
    except (DataError, BundleError) as error:
        return Outcome(refused=str(error))
    return Outcome(overlay=_overlay(order, bundle, found), odd=len(odd))


def run_child(order: Order) -> Outcome:
    """Have a process of its own do ``order``, and wait for it.

    Raises:
        OSError: no process can be started.
    """
    try:
        return outcome_of(__name__, order, Outcome, _TIMEOUT_S)
    except ChildError as error:
        return Outcome(refused=f"the computation {error}")


def _rows(order: Order) -> Rows:
    """Return the windows that were asked for. Raises DataError."""
    recorder = Recorder(Path(order.recorder), RecorderSettings())
    rows = recorder.read(order.asset, since_index=order.first)
    if rows.layout is None or rows.layout.features != order.names:
        raise DataError("the flight recorder holds no windows of these features")
    return rows.part((rows.index < order.end) & ~rows.maintenance)


def _series(order: Order, rows: Rows) -> Series:
    vectors = rows.vectors.copy()
    vectors[~rows.runs] = np.nan
    return Series(
        input=order.input,
        features=order.features,
        names=order.names,
        vectors=vectors,
        start_ns=rows.start_ns,
        end_ns=rows.end_ns,
        gap=rows.gap | (np.diff(rows.index, prepend=rows.index[:1] - 1) != 1),
    )


def _overlay(order: Order, bundle: Bundle, found: Commissioned) -> str:
    healthy = (order.first, order.end)
    overlay: Overlay = make_overlay(bundle.manifest, found, healthy, order.sensor)
    return encode_overlay(overlay).decode()


if __name__ == "__main__":
    do_order(Order, compute)
