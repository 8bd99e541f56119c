"""A model that calls people for nothing."""

from msgspec.structs import replace

from benchmarks.torture.samples import judging_by
from edge_agent.bundle import Bundle


def more_nervous(bundle: bytes) -> bytes:
    """The same network with a threshold that healthy windows reach."""
    made = Bundle.decode(bundle)
    spec = made.manifest.flow
    threshold = replace(spec.threshold, value=0.02 * spec.threshold.value)
    return judging_by(made, "1.5.0", replace(spec, threshold=threshold))
