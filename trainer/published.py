"""Faults of published systems, to reproduce published figures with; all off by default.

None of them is possible on a gateway, which has not seen what is to come: they act in the trainer,
and what they make of a bundle is judged too well.
"""

from dataclasses import replace

import msgspec
import numpy as np

from edge_agent.calibration.choices import Calibration, ThresholdChoice
from edge_agent.calibration.prepare import Prepared, prepare
from edge_agent.calibration.series import DataError, Series
from edge_agent.calibration.threshold import choose_threshold
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.scaler import Scaler
from edge_agent.pipeline.spec import FlowSpec
from trainer.evaluate import run
from trainer.networks import NetworkSpec


class PublishedFaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which faults a recipe's publication has; those of other publications are None.

    Attributes:
        scaler_sees_everything: the scaler is fitted on the whole recording.
        unroll_last_step_only: of the window the network is given the last vector only.
        threshold_on_test: the threshold is chosen from the scores of the whole recording, with
            the anomalies in it.
    """

    scaler_sees_everything: bool | None = None
    unroll_last_step_only: bool | None = None
    threshold_on_test: bool | None = None

    def on(self, names: tuple[str, ...]) -> "PublishedFaults":
        """Return these with the faults ``names`` switched on.

        Raises:
            ValueError: the publication does not have one of them.
        """
        known = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        for name in names:
            if name not in known:
                allowed = ", ".join(known) or "none"
                raise ValueError(f"published fault {name!r}, allowed for this recipe: {allowed}")
        return msgspec.structs.replace(self, **dict.fromkeys(names, True))


def network_as_published(faults: PublishedFaults, network: NetworkSpec) -> NetworkSpec:
    """Return ``network`` as the publication's fault makes it."""
    if not faults.unroll_last_step_only:
        return network
    return msgspec.structs.replace(network, window_length=1)


def scaled_as_published(
    faults: PublishedFaults, choice: Calibration, series: Series, ready: Prepared
) -> Prepared:
    """Return ``ready`` with the scaler that the publication's fault makes.

    Raises:
        DataError: the recipe's scaler does more than shift and stretch.
    """
    if not faults.scaler_sees_everything:
        return ready
    scaler = prepare(choice, series, (0, len(series.vectors))).scaler
    if set(scaler.transform) | set(ready.scaler.transform) != {"identity"}:
        raise DataError("scaler_sees_everything goes with scaler.transform 'identity' only")
    plain = ready.scaled * np.array(ready.scaler.scale) + np.array(ready.scaler.offset)
    scaled = (plain - np.array(scaler.offset)) / np.array(scaler.scale)
    scaled = scaled.astype(np.float32)
    return replace(ready, scaler=scaler, scaled=scaled, seen=Scaler(scaler).clip(scaled))


def threshold_as_published(
    faults: PublishedFaults,
    how: ThresholdChoice,
    found: FlowSpec,
    model: AnyModel,
    tested: Series,
) -> FlowSpec:
    """Return ``found`` with the threshold that the publication's fault makes.

    Args:
        faults: of the publication.
        how: its threshold is chosen.
        found: the flow, with the threshold that its healthy windows give.
        model: its network.
        tested: the whole recording.

    Raises:
        DataError: nothing was scored.
    """
    if not faults.threshold_on_test:
        return found
    scores = np.array([r.score for r in run(found, model, tested) if r.score is not None])
    try:
        threshold = choose_threshold(scores, how.method, how.parameter)
    except ValueError as error:
        raise DataError(f"threshold_on_test: {error}") from error
    return msgspec.structs.replace(found, threshold=threshold)
