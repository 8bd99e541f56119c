"""The feature vector of a window, from the plugins that a bundle lists."""

import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import (
    CentredWindow,
    Feature,
    FeatureError,
    FeatureInput,
    PluginError,
    Workspace,
    configure,
    load,
)


class FeatureUnavailableError(FeatureError):
    """A feature plugin is not installed here, does not load, or is of another version."""


class FeatureFailedError(FeatureError):
    """A feature plugin raised, or broke its promise: the window is not to blame."""


class FeatureSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One selected feature plugin, as a bundle's manifest lists it.

    Attributes:
        plugin: name of its entry point.
        version: version of the definition that the model was trained on.
        options: its options as plain values.
    """

    plugin: str
    version: str
    options: dict[str, Any] = {}


def installed_spec(plugin: str, options: Mapping[str, Any] | None = None) -> FeatureSpec:
    """Return the spec of a plugin in the version that is installed here.

    Raises:
        PluginError: there is no such plugin or it cannot be loaded.
    """
    return FeatureSpec(plugin, load("features", plugin).version, dict(options or {}))


def feature_hash(specs: Sequence[FeatureSpec], names: Sequence[str]) -> str:
    """Return the identity of a feature vector, 64 hexadecimal digits.

    It is the sha256 of the specs and the vector's names as JSON with sorted keys: two vectors of
    one hash hold the same numbers in the same order.
    """
    text = msgspec.json.encode({"features": list(specs), "names": list(names)}, order="sorted")
    return hashlib.sha256(text).hexdigest()


class FeatureExtractor:
    """Computes one vector per window; keeps nothing from one window to the next.

    Assets with the same windows and features may share one, within one thread: it owns the
    memory in which windows are centred.

    Attributes:
        names: names of the vector's numbers, channel by channel, in each the specs' order:
            ``("b1_rms", "b1_peak", "b2_rms", "b2_peak")``.
        units: of the numbers, for people; empty for a ratio, None where unknown.
    """

    def __init__(self, specs: Sequence[FeatureSpec], given: FeatureInput) -> None:
        """Load and configure the plugins for windows of the given kind.

        Raises:
            FeatureUnavailableError: a plugin is missing or of another version.
            FeatureError: it has wrong options, or cannot work on such windows; or two features
                give a number of the same name.
        """
        self._given = given
        features = [(spec.plugin, configured_feature(spec, given)) for spec in specs]
        self._features = [(plugin, feature, feature.outputs) for plugin, feature in features]
        every = [output for _, _, outputs in self._features for output in outputs]
        twice = sorted(output for output, times in Counter(every).items() if times > 1)
        if twice:
            raise FeatureError(
                f"features must differ in the names of their outputs: found {', '.join(twice)} "
                f"more than once from {', '.join(spec.plugin for spec in specs)}"
            )
        self.names: tuple[str, ...] = tuple(
            f"{channel}_{output}" for channel in given.channels for output in every
        )
        # What its values are in is for people to read: a plugin may leave it open.
        units = [
            _unit(feature, given.unit) for _, feature, outputs in self._features for _ in outputs
        ]
        self.units: tuple[str | None, ...] = tuple(units) * len(given.channels)
        self._width = len(every)
        self._workspace = Workspace.of(given.length, len(given.channels))

    def compute(
        self, samples: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the features of one window.

        Args:
            samples: float32 (n, channels) of the length and channels given to the constructor.

        Returns:
            The vector, float32 (F,), in the order of ``names``; and each channel's mean, float32
            (channels,), in the samples' unit.

        Raises:
            FeatureFailedError: a plugin raised, or returned another shape than it promised.
            FeatureError: the window has another shape, or it or a feature of it holds a number
                that is not finite.
        """
        expected = (self._given.length, len(self._given.channels))
        if samples.shape != expected:
            raise FeatureError(
                f"a window must have the shape (samples, channels) {expected}: "
                f"found {samples.shape}"
            )
        window = CentredWindow(samples, self._workspace)
        if not all(map(math.isfinite, window.bias.tolist())):
            channels = itertools.compress(self._given.channels, ~np.isfinite(window.bias))
            raise FeatureError(f"samples are not finite in channel {', '.join(channels)}")
        values = np.empty((len(self._given.channels), self._width), np.float32)
        column = 0
        # What overflows is found below, with the name of the plugin.
        with np.errstate(all="ignore"):
            for plugin, feature, outputs in self._features:
                try:
                    computed = feature.compute(window)
                except (Exception, SystemExit) as error:  # a plugin may raise anything
                    raise _blamed(plugin, error) from error
                expected = (len(values), len(outputs))
                if getattr(computed, "shape", None) != expected:
                    raise FeatureFailedError(_unlike(plugin, expected, computed))
                values[:, column : column + len(outputs)] = computed
                column += len(outputs)
        if not np.isfinite(values).all():
            raise FeatureError(self._not_finite(values))
        return values.reshape(-1), window.bias

    def _not_finite(self, values: NDArray[np.float32]) -> str:
        """Say which plugins gave which numbers that are not finite."""
        plugins = [plugin for plugin, _, outputs in self._features for _ in outputs]
        wrong = ~np.isfinite(values)
        blamed = dict.fromkeys(itertools.compress(plugins, wrong.any(axis=0)))
        names = itertools.compress(self.names, wrong.reshape(-1))
        return (
            f"feature plugin {', '.join(map(repr, blamed))} returned a number that is not "
            f"finite: {', '.join(names)}"
        )


def _unit(feature: Feature, unit: str | None) -> str | None:
    """Return what a feature's outputs are in, where it says so."""
    form = getattr(feature, "output_unit", None)
    if not isinstance(form, str) or ("{unit}" in form and unit is None):
        return None
    text = form.replace("{unit}", unit or "")
    return text.replace(f"({unit})", unit) if unit is not None and unit.isalpha() else text


def _unlike(plugin: str, expected: tuple[int, int], computed: object) -> str:
    """Say what a plugin returned instead of what it promised."""
    shape = getattr(computed, "shape", None)
    found = f"{computed!r}" if shape is None else f"shape {shape}"
    return (
        f"feature plugin {plugin!r} must return an array (channels, outputs) {expected}: "
        f"found {found}"
    )


def configured_feature(spec: FeatureSpec, given: FeatureInput) -> Feature:
    """Return the configured plugin.

    Raises:
        FeatureUnavailableError: it is missing or of another version.
        FeatureError: it has wrong options, or cannot work on such windows.
    """
    try:
        plugin = load("features", spec.plugin)
    except PluginError as error:
        raise FeatureUnavailableError(str(error)) from error
    if plugin.version != spec.version:
        raise FeatureUnavailableError(
            f"feature plugin {spec.plugin!r} must be of version {spec.version}: "
            f"installed is {plugin.version}"
        )
    try:
        options = configure("features", spec.plugin, spec.options)
    except PluginError as error:
        raise FeatureError(str(error)) from error
    try:
        return plugin(options, given)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise _blamed(spec.plugin, error) from error


def _blamed(plugin: str, error: Exception | SystemExit) -> FeatureError:
    """Return what a plugin raised as a FeatureError that names the plugin."""
    if isinstance(error, FeatureError):
        return FeatureError(f"feature plugin {plugin!r}: {error}")
    return FeatureFailedError(f"feature plugin {plugin!r} raised {type(error).__name__}: {error}")
