"""One flow takes over from another between two windows: the asset's bundle has become another."""

from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.spec import FlowSpec


def cuts_alike(new: FlowSpec, former: FlowSpec) -> bool:
    """Say whether both cut the same windows from the same samples: then none is lost between."""
    return new.input == former.input


def computes_alike(new: FlowSpec, former: FlowSpec) -> bool:
    """Say whether a vector of one means the same to the other: then one warms the other up."""
    return cuts_alike(new, former) and (
        (new.features, new.feature_names) == (former.features, former.feature_names)
    )


def take_over(flow: Flow, former: Flow) -> None:
    """Let ``flow`` go on with the samples, windows and anomalies of ``former``.

    What has been sampled for the next window, the sensor's bias and how long the machine has been
    idle are of the machine, whatever bundle judges it. ``former`` is of no use afterwards.

    Args:
        flow: of the new bundle, warmed up with the past.
        former: of another bundle that cuts the same windows, see ``cuts_alike``.
    """
    flow.conformer, flow.windower = former.conformer, former.windower
    flow.range_max = former.range_max
    flow.bias.state = former.bias.state
    flow.gate.idle_since_ns = former.gate.idle_since_ns
    flow.broken = former.broken
    flow.succeed(former.mark())
