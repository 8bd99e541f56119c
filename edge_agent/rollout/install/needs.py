"""What a bundle needs of a sensor; the feature plugins it needs are looked for as it is loaded."""

from edge_agent.bundle import Bundle
from edge_agent.bundle.fit import misfits, paired_names, wrong_choice
from edge_agent.bundle.overlay import general_part
from edge_agent.rollout.install.orders import SensorFacts


def unmet_needs(
    bundle: Bundle, sensor: SensorFacts, channels: tuple[str, ...], context: tuple[str, ...]
) -> list[str]:
    """Say in sentences what of ``sensor`` does not fit; empty where all fits.

    Args:
        bundle: that is to judge.
        sensor: what it delivers.
        channels: the sensor's channels in the order of the bundle's, as configured.
        context: those that tell the regime, for a general bundle.
    """
    if bundle.manifest.form == "general":
        return _unmet_by_general(bundle, sensor, (*channels, *context))
    needed = bundle.manifest.flow.input
    choice = wrong_choice(sensor.channels, channels, needed)
    if choice is not None:
        return [f"channels: {choice}"]
    return misfits(
        needed,
        kind=needed.kind,  # only the names of its channels would tell that they are features
        channels=paired_names(sensor.channels, channels, needed),
        rate_hz=sensor.rate_hz,
        unit=sensor.unit,
        period_s=sensor.period_s,
    )


def _unmet_by_general(bundle: Bundle, sensor: SensorFacts, named: tuple[str, ...]) -> list[str]:
    """A general bundle takes any channels; what it learns of them comes with commissioning."""
    missing = [name for name in named if name not in sensor.channels]
    if missing:
        has = ", ".join(sensor.channels)
        return [f"channels: the sensor has no channel {missing[0]!r}; it has {has}"]
    if bundle.manifest.plugins and sensor.rate_hz is None and not _is_table(bundle, sensor):
        return ["rate_hz: the source has None, a general bundle needs one"]
    return []


def _is_table(bundle: Bundle, sensor: SensorFacts) -> bool:
    """Say whether the sensor's channels are the features themselves, by their names."""
    features = general_part(bundle).features
    return all(any(name.endswith(f"_{f}") for name in sensor.channels) for f in features)
