"""What is wrong with a sensor's plugin and its options, as found and allowed."""

import re
from typing import Any

from edge_agent.daemon.config.fields import nearest
from edge_agent.daemon.config.problems import is_secret
from edge_agent.plugin import PluginError, PluginProblem, configure, load

_SEE_README = "see the plugin's README"
# How msgspec says which type it wants; a plugin's own rules may be worded in any way.
_EXPECTED = re.compile(r"^expected (?P<allowed>.*?)(, got `\w+`)?(?P<at> at .*)?$", re.DOTALL)


def plugin_problems(name: str, options: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return key below the asset, found and allowed of all that is wrong with a sensor's plugin.

    The value of an option that may be a secret is not shown.
    """
    try:
        load("sensors", name)
    except PluginError as error:
        return [
            ("sensor.plugin", problem.found, _choices(name, problem)) for problem in error.problems
        ]
    try:
        configure("sensors", name, options)
    except PluginError as error:
        return [("sensor.options", *_of_option(problem, options)) for problem in error.problems]
    return []


def _choices(meant: str, problem: PluginProblem) -> str:
    if problem.choices:
        return nearest(meant, list(problem.choices))
    return problem.rule or _SEE_README


def _of_option(problem: PluginProblem, options: dict[str, Any]) -> tuple[str, str]:
    option = problem.option
    if option is None or option not in options or problem.choices:
        return problem.found, _choices(option or "", problem)
    shown = "a value (not shown)" if is_secret(option) else repr(options[option])
    found = f"{problem.found}: {shown}"
    expected = _EXPECTED.match(problem.rule)
    if expected is None:  # a rule that may repeat the value
        return found, _SEE_README
    return found, f"{expected['allowed'].replace('`', '')}{expected['at'] or ''}; {_SEE_README}"
