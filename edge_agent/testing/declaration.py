"""What a plugin class states before anything is constructed."""

from collections.abc import Iterable
from typing import Any

import msgspec

from edge_agent.plugin import Feature, Sensor
from edge_agent.testing.conformance import ConformanceError

IS_COMPLETE = "the class has everything that the protocol asks for"
MATCHES_API = "api_version is the one this agent speaks"
HAS_VERSION = "version is a non-empty string"
HAS_OPTIONS = "options is a msgspec Struct that forbids unknown fields"
ACCEPTS_OPTIONS = "the given options are accepted"
REFUSES_UNKNOWN = "an unknown option is refused"

UNKNOWN_OPTION = "no_such_option"


def check_declaration(
    plugin_class: type[Sensor] | type[Feature],
    options: dict[str, Any],
    *,
    api_version: int,
    members: Iterable[str],
) -> msgspec.Struct:
    """Check the class attributes and return ``options`` converted as the agent converts them.

    Args:
        plugin_class: the entry point's target.
        options: options as they would come out of the configuration.
        api_version: the version this agent speaks for this kind of plugin.
        members: names that the class must have besides the shared ones.

    Raises:
        ConformanceError: the class or its options struct breaks a promise.
    """
    wanted = ("api_version", "version", "options", *members)
    missing = [name for name in wanted if not hasattr(plugin_class, name)]
    if missing:
        raise ConformanceError(IS_COMPLETE, f"missing {', '.join(missing)}")
    if plugin_class.api_version != api_version:
        raise ConformanceError(
            MATCHES_API, f"found {plugin_class.api_version!r}, want {api_version}"
        )
    version: object = plugin_class.version
    if not isinstance(version, str) or not version:
        raise ConformanceError(HAS_VERSION, f"found {version!r}")
    return _convert(plugin_class.options, options)


def _convert(struct: object, options: dict[str, Any]) -> msgspec.Struct:
    if not isinstance(struct, type) or not issubclass(struct, msgspec.Struct):
        raise ConformanceError(HAS_OPTIONS, f"found {struct!r}")
    if not struct.__struct_config__.forbid_unknown_fields:
        raise ConformanceError(HAS_OPTIONS, f"{struct.__name__} lacks forbid_unknown_fields=True")
    try:
        converted: msgspec.Struct = msgspec.convert(options, struct)
    except msgspec.ValidationError as error:
        raise ConformanceError(ACCEPTS_OPTIONS, str(error)) from error
    try:
        msgspec.convert({**options, UNKNOWN_OPTION: 1}, struct)
    except msgspec.ValidationError:
        return converted
    raise ConformanceError(REFUSES_UNKNOWN, f"{UNKNOWN_OPTION} = 1 went through")
