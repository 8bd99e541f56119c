"""Whether a source, sensor or recording, is what a bundle was made for."""

from typing import Literal

from edge_agent.pipeline.block import InputSpec, mismatches

_PERIOD_TOLERANCE = 0.1  # a burst more than half a period late counts as missing


def misfits(
    needed: InputSpec,
    *,
    kind: Literal["samples", "features"],
    channels: tuple[str, ...],
    rate_hz: float | None,
    unit: str | None,
    period_s: float | None,
) -> list[str]:
    """Say in sentences what of a source does not fit ``needed``; empty where all fits.

    Args:
        needed: what the bundle takes.
        kind: what the source delivers.
        channels: its channels; more than needed are no harm.
        rate_hz: samples per second, None where it states none.
        unit: of its samples, None where it states none.
        period_s: seconds from burst to burst, None where it delivers without pause.
    """
    if kind != needed.kind:
        return [f"kind: the source has {kind}, the bundle needs {needed.kind}"]
    problems = mismatches(needed, channels=channels, rate_hz=rate_hz, unit=unit)
    if needed.kind == "features" or needed.period_s is None:
        return problems
    if period_s is None:
        problems.append(
            "period_s: the source delivers without pause, the bundle needs a burst"
            f" every {needed.period_s:g} s"
        )
    elif abs(period_s - needed.period_s) > _PERIOD_TOLERANCE * needed.period_s:
        problems.append(
            f"period_s: the source has {period_s:g}, the bundle needs {needed.period_s:g}"
        )
    return problems
