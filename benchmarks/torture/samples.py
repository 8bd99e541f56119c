"""A bundle that is quick to run, for everything that wants many windows or many replays."""

import dataclasses
from functools import cache

from msgspec.structs import replace

from benchmarks.bundles import make_bundle
from edge_agent.bundle import Bundle, encode_bundle, make_golden
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.window import Window

LENGTH = 256
RATE_HZ = float(LENGTH)


@cache
def small_bundle(rate_hz: float = RATE_HZ, period_s: float | None = None) -> bytes:
    """Return a bundle for windows of 256 samples of one channel "x" in g."""
    return make_bundle(LENGTH, 1, rate_hz=rate_hz, period_s=period_s)


def other_version(bundle: bytes, number: int) -> bytes:
    """Return a bundle with the same network, but another scaler and threshold: 1.NUMBER.0."""
    made = Bundle.decode(bundle)
    spec = made.manifest.flow
    shift = 0.05 * number
    flow = replace(
        spec,
        scaler=replace(spec.scaler, offset=tuple(value + shift for value in spec.scaler.offset)),
        threshold=replace(spec.threshold, value=(1.0 + shift) * spec.threshold.value),
    )
    return judging_by(made, f"1.{number}.0", flow)


def judging_by(made: Bundle, version: str, flow: FlowSpec) -> bytes:
    """Return ``made`` as another version that goes by ``flow``, with golden scores of its own."""
    manifest = replace(made.manifest, version=version, flow=flow)
    shown = made.golden
    raw = [
        (int(at), Window(samples, 0, 1, gap=False, clipped=False))
        for at, samples in zip(shown.at, shown.samples, strict=True)
    ]
    loaded = dataclasses.replace(made, manifest=manifest).load()
    golden = make_golden(loaded.flow(), shown.vectors, shown.start_ns, raw)
    return encode_bundle(manifest, made.model, golden)
