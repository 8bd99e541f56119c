"""Finding plugins by their entry points; one record per plugin, whatever becomes of it."""

import functools
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, overload

import msgspec

from edge_agent.plugin.feature import FEATURE_API_VERSION, Feature
from edge_agent.plugin.sensor import SENSOR_API_VERSION, Sensor

Kind = Literal["sensors", "features"]

_API_VERSIONS: dict[Kind, int] = {
    "sensors": SENSOR_API_VERSION,
    "features": FEATURE_API_VERSION,
}
_LOOKING_AT_TYPES = threading.Lock()
_METHODS: dict[Kind, tuple[str, ...]] = {
    "sensors": ("info", "open", "read", "close"),
    "features": ("outputs", "compute"),
}


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """One thing that is wrong with a plugin or its options.

    Attributes:
        sentence: all of it, with the value of the option.
        found: what was found, without that value.
        option: name of the option that is wrong; None: it is the plugin.
        choices: the names there are, where one of them was meant.
        rule: what was expected instead; empty where ``choices`` say it.
    """

    sentence: str
    found: str
    option: str | None = None
    choices: tuple[str, ...] = ()
    rule: str = ""


class PluginError(Exception):
    """A plugin is missing, cannot be used, or was given wrong options.

    Attributes:
        problems: everything that is wrong; the message joins their sentences.
    """

    def __init__(self, *problems: PluginProblem) -> None:
        """Say what is wrong."""
        super().__init__("; ".join(problem.sentence for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """What is known of one plugin.

    Attributes:
        name: the entry point's name, by which configurations and bundles call it.
        kind: what it provides.
        distribution: the installed distribution that registers it.
        distribution_version: that distribution's version.
        status: "loaded"; "failed" to import or is no plugin; "incompatible": it was written for
            another version of the plugin interface.
        reason: why it is not loaded, else None.
        plugin: the class where it is loaded, else None.
    """

    name: str
    kind: Kind
    distribution: str
    distribution_version: str
    status: Literal["loaded", "failed", "incompatible"]
    reason: str | None
    plugin: type[Any] | None


def discover(kind: Kind) -> dict[str, PluginRecord]:
    """Import every plugin of this kind and return its record, by name, in order of names."""
    return {name: _record(kind, name) for name in sorted(_registered()[kind])}


@overload
def load(kind: Literal["sensors"], name: str) -> type[Sensor]: ...
@overload
def load(kind: Literal["features"], name: str) -> type[Feature]: ...
def load(kind: Kind, name: str) -> type[Sensor] | type[Feature]:
    """Import one plugin, and no other, and return its class.

    Raises:
        PluginError: no such plugin, or it failed to import, or is incompatible.
    """
    registered = _registered()[kind]
    if name not in registered:
        names = tuple(sorted(registered))
        raise PluginError(
            PluginProblem(
                f"no {_singular(kind)} plugin {name!r} is installed: "
                f"available are {', '.join(names) or 'none'}",
                found=f"{name!r}, which is not installed",
                choices=names,
            )
        )
    record = _record(kind, name)
    if record.plugin is None:
        others = ", ".join(sorted(registered.keys() - {name})) or "none"
        found = (
            f"{name!r} of {record.distribution} {record.distribution_version} is "
            f"{record.status}: {record.reason}"
        )
        raise PluginError(
            PluginProblem(
                f"{_singular(kind)} plugin {found} (others installed: {others})",
                found=found,
                rule=f"one that works; others installed: {others}",
            )
        )
    return record.plugin


def configure(kind: Kind, name: str, options: Mapping[str, Any]) -> msgspec.Struct:
    """Turn a plugin's options as configured into its options struct.

    Args:
        kind: what the plugin provides.
        name: the plugin.
        options: plain values by option name, as read from TOML or JSON.

    Raises:
        PluginError: the plugin cannot be loaded, or options are unknown, missing or of a wrong
            type or value; ``problems`` has one sentence for each, with key, found and allowed.
    """
    struct = load(kind, name).options
    with _LOOKING_AT_TYPES:  # for the first time: msgspec crashes where two threads do it at once
        msgspec.json.Decoder(struct)
    plugin = f"{_singular(kind)} plugin {name!r}"
    problems = list(_problems(plugin, struct, options))
    if problems:
        raise PluginError(*problems)
    try:
        return msgspec.convert(dict(options), struct)
    except msgspec.ValidationError as error:  # what the struct itself says of the combination
        raise PluginError(PluginProblem(f"{plugin}: {error}", found=str(error))) from error


def rescan() -> None:
    """Forget what was found, so that plugins installed since are seen by the next look-up."""
    _registered.cache_clear()
    _record.cache_clear()


@functools.cache
def _registered() -> dict[Kind, dict[str, list[EntryPoint]]]:
    """Return the entry points of all kinds by name, from one scan of the environment."""
    every = entry_points()
    found: dict[Kind, dict[str, list[EntryPoint]]] = {"sensors": {}, "features": {}}
    for kind, by_name in found.items():
        for point in every.select(group=f"edge_agent.{kind}"):
            by_name.setdefault(point.name, []).append(point)
    return found


@functools.cache
def _record(kind: Kind, name: str) -> PluginRecord:
    """Import one registered plugin."""
    points = _registered()[kind][name]
    owners = [_owner(point) for point in points]
    distribution, version = owners[0]
    status: Literal["loaded", "failed", "incompatible"] = "failed"
    plugin: Any = None
    if len(points) > 1:
        reason: str | None = "registered more than once, by " + ", ".join(
            sorted({" ".join(owner) for owner in owners})
        )
    else:
        try:
            plugin = points[0].load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            reason = f"importing {points[0].value} raised {type(error).__name__}: {error}"
        else:
            status, reason = _judge(kind, plugin)
    return PluginRecord(
        name=name,
        kind=kind,
        distribution=distribution,
        distribution_version=version,
        status=status,
        reason=reason,
        plugin=plugin if status == "loaded" else None,
    )


def _owner(point: EntryPoint) -> tuple[str, str]:
    """Return name and version of the distribution that registers an entry point."""
    if point.dist is None:
        return "unknown distribution", "unknown"
    return point.dist.name, point.dist.version


def _judge(
    kind: Kind, plugin: object
) -> tuple[Literal["loaded", "failed", "incompatible"], str | None]:
    """Say whether an imported object is a plugin of this kind that this agent can use."""
    if not isinstance(plugin, type):
        return "failed", f"the entry point is no class but {plugin!r}"
    found, expected = getattr(plugin, "api_version", None), _API_VERSIONS[kind]
    if found is not None and found != expected:
        return "incompatible", f"written for plugin API {found!r}, this agent has {expected}"
    flaw = _flaw(kind, plugin)
    return ("failed", f"class {plugin.__name__} {flaw}") if flaw else ("loaded", None)


def _flaw(kind: Kind, plugin: type) -> str | None:
    """Say what a class lacks of what the agent will ask it for."""
    wanted = ("api_version", "version", "options", *_METHODS[kind])
    missing = [member for member in wanted if not hasattr(plugin, member)]
    if missing:
        return f"has no {', '.join(missing)}"
    version, options = getattr(plugin, "version", None), getattr(plugin, "options", None)
    if not isinstance(version, str):
        return f"has a version that is no string: {version!r}"
    if not (isinstance(options, type) and issubclass(options, msgspec.Struct)):
        return f"has options that are no msgspec.Struct class: {options!r}"
    if not options.__struct_config__.forbid_unknown_fields:
        return "has options that do not forbid unknown fields"
    return None


def _problems(
    plugin: str, struct: type[msgspec.Struct], options: Mapping[str, Any]
) -> Iterator[PluginProblem]:
    """Check each option by itself, so that all wrong ones are named at once."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    allowed = ", ".join(fields) or "none"
    for key, value in options.items():
        if key not in fields:
            yield PluginProblem(
                f"{plugin}: unknown option {key!r}: allowed are {allowed}",
                found=f"unknown option {key!r}",
                option=key,
                choices=tuple(fields),
            )
            continue
        try:
            msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            rule = _lowered(error)
            yield PluginProblem(
                f"{plugin}: option {key!r}: {rule}: found {value!r}",
                found=f"option {key!r}",
                option=key,
                rule=rule,
            )
    for key, field in fields.items():
        if field.required and key not in options:
            yield PluginProblem(
                f"{plugin}: option {key!r} is missing",
                found=f"nothing for option {key!r}",
                option=key,
                rule="a value; it is required",
            )


def _lowered(error: msgspec.ValidationError) -> str:
    """Return msgspec's message as part of a sentence, its path as it would be written in TOML."""
    message = re.sub(r" - at `\$\.?(.*)`$", r" at \1", str(error))
    return message[:1].lower() + message[1:]


def _singular(kind: Kind) -> str:
    return kind.removesuffix("s")
