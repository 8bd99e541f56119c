"""What is wrong with a sensor's plugin and its options, as found and allowed."""

import re
from typing import Any

from edge_agent.daemon.fields import nearest
from edge_agent.daemon.problems import is_secret
from edge_agent.plugin.discovery import PluginError, configure, load

_SEE_README = "see the plugin's README"
_MISSING = re.compile(r"^no sensor plugin .* is installed: available are (?P<names>.*)$", re.DOTALL)
_UNUSABLE = re.compile(
    r"^sensor plugin '.*?' (?P<found>of .*) \(others installed: (?P<names>.*)\)$", re.DOTALL
)
_UNKNOWN = re.compile(r"^unknown option '(?P<key>.*)': allowed are (?P<names>.*)$", re.DOTALL)
_WRONG = re.compile(r"^option '(?P<key>[^']*)': (?P<rule>.*?): found (?P<value>.*)$", re.DOTALL)
_EXPECTED = re.compile(r"^expected (?P<allowed>.*?)(, got `\w+`)?(?P<at> at .*)?$", re.DOTALL)
_ABSENT = re.compile(r"^option '(?P<key>[^']*)' is missing$")


def plugin_problems(name: str, options: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return key below the asset, found and allowed of all that is wrong with a sensor's plugin.

    The value of an option that may be a secret is not shown.
    """
    try:
        load("sensors", name)
    except PluginError as error:
        return [("sensor.plugin", *_of_plugin(name, str(error)))]
    try:
        configure("sensors", name, options)
    except PluginError as error:
        prefix = f"sensor plugin {name!r}: "
        return [
            ("sensor.options", *_of_option(said.removeprefix(prefix))) for said in error.problems
        ]
    return []


def _of_plugin(name: str, said: str) -> tuple[str, str]:
    missing = _MISSING.match(said)
    if missing is not None:
        return f"{name!r}, which is not installed", nearest(name, missing["names"].split(", "))
    unusable = _UNUSABLE.match(said)
    if unusable is not None:
        return (
            f"{name!r} {unusable['found']}",
            f"one that works; others installed: {unusable['names']}",
        )
    return said, "an installed sensor plugin that works"


def _of_option(said: str) -> tuple[str, str]:
    unknown = _UNKNOWN.match(said)
    if unknown is not None:
        return f"unknown option {unknown['key']!r}", nearest(
            unknown["key"], unknown["names"].split(", ")
        )
    absent = _ABSENT.match(said)
    if absent is not None:
        return f"nothing for option {absent['key']!r}", "a value; it is required"
    wrong = _WRONG.match(said)
    if wrong is None:
        return said, _SEE_README
    found = f"option {wrong['key']!r}: "
    found += "a value (not shown)" if is_secret(wrong["key"]) else wrong["value"]
    expected = _EXPECTED.match(wrong["rule"])
    if expected is None:  # a rule that may repeat the value
        return found, _SEE_README
    return found, f"{expected['allowed'].replace('`', '')}{expected['at'] or ''}; {_SEE_README}"
