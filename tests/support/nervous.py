"""A model that calls people for nothing."""

import dataclasses

from msgspec.structs import replace

from edge_agent.bundle import Bundle, encode_bundle, make_golden
from edge_agent.pipeline.window import Window


def more_nervous(bundle: bytes) -> bytes:
    """The same network with a threshold that healthy windows reach."""
    made = Bundle.decode(bundle)
    spec = made.manifest.flow
    flow = replace(spec, threshold=replace(spec.threshold, value=0.02 * spec.threshold.value))
    manifest = replace(made.manifest, version="1.5.0", flow=flow)
    shown = made.golden
    raw = [
        (int(at), Window(samples, 0, 1, gap=False, clipped=False))
        for at, samples in zip(shown.at, shown.samples, strict=True)
    ]
    loaded = dataclasses.replace(made, manifest=manifest).load()
    golden = make_golden(loaded.flow(), shown.vectors, shown.start_ns, raw)
    return encode_bundle(manifest, made.model, golden)
