"""Further versions of a bundle: one as good, one that alarms at nothing, one that is damaged."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from edge_agent.bundle import SUFFIX, Bundle, Golden, encode_bundle, make_golden
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.window import Window

NERVOUS = 0.05  # of its threshold is left: a healthy machine is over it in every other window


def as_good(bundle: Bundle, version: str, folder: Path) -> Path:
    """Write ``bundle`` under another ``version``."""
    return _write(bundle, version, bundle.manifest.flow, bundle.golden, folder)


def nervous(bundle: Bundle, version: str, folder: Path) -> Path:
    """Write a version that is sound and consistent in itself, but calls at nothing."""
    flow = bundle.manifest.flow
    threshold = msgspec.structs.replace(flow.threshold, value=NERVOUS * flow.threshold.value)
    spec = msgspec.structs.replace(flow, threshold=threshold)
    golden = bundle.golden
    starts = golden.start_ns[golden.at].tolist()
    windows = [
        (at, Window(samples, start_ns, start_ns + 1, gap=False, clipped=False))
        for at, samples, start_ns in zip(golden.at.tolist(), golden.samples, starts, strict=True)
    ]
    manifest = msgspec.structs.replace(bundle.manifest, flow=spec)
    with _silence():
        fresh = replace(bundle.load(), manifest=manifest).flow()
    found = make_golden(fresh, golden.vectors, golden.start_ns, windows)
    return _write(bundle, version, spec, found, folder)


def damaged(bundle: Bundle, version: str, folder: Path) -> Path:
    """Write a version whose golden vectors expect other scores than its network computes."""
    wrong = replace(bundle.golden, scores=1.5 * bundle.golden.scores)
    return _write(bundle, version, bundle.manifest.flow, wrong, folder)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep off the screen what the TFLite library writes by itself when it loads a network."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _write(bundle: Bundle, version: str, flow: FlowSpec, golden: Golden, folder: Path) -> Path:
    manifest = msgspec.structs.replace(bundle.manifest, version=version, flow=flow)
    path = folder / f"{manifest.name}-{version}{SUFFIX}"
    path.write_bytes(encode_bundle(manifest, bundle.model, golden))
    return path
