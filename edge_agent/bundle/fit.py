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


def paired_names(
    channels: tuple[str, ...], chosen: tuple[str, ...], needed: InputSpec
) -> tuple[str, ...]:
    """Rename a source's channels to those that are needed where the configuration pairs them.

    A single channel needs no pairing: there is nothing to confuse it with.

    Args:
        channels: the source's.
        chosen: those of them that stand for the needed ones, in their order; may be empty.
        needed: what the bundle takes.
    """
    if not chosen and len(channels) == len(needed.channels) == 1 and needed.kind == "samples":
        chosen = channels
    if len(chosen) != len(needed.channels):
        return channels
    names = dict(zip(chosen, needed.channels, strict=True))
    # A channel that is not chosen must not pass for one by its name.
    return tuple(names.get(name, f"{name} (not chosen)") for name in channels)


def wrong_choice(
    channels: tuple[str, ...], chosen: tuple[str, ...], needed: InputSpec
) -> str | None:
    """Say in a sentence what is wrong with the ``chosen`` channels; None where nothing is."""
    if chosen and len(chosen) != len(needed.channels):
        names = ", ".join(needed.channels)
        return f"{len(chosen)} chosen, the bundle needs {len(needed.channels)}: {names}"
    missing = [name for name in chosen if name not in channels]
    if missing:
        return f"the sensor has no channel {missing[0]!r}; it has {', '.join(channels)}"
    return None
