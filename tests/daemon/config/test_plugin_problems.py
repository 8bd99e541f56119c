from typing import Any

import pytest

from edge_agent.daemon.config.plugin_problems import plugin_problems


@pytest.mark.parametrize(
    ("plugin", "found", "allowed"),
    [
        ("bnch", "'bnch', which is not installed", "did you mean bench? all: bad, bench, broken, "),
        ("xyz", "'xyz', which is not installed", "bad, bench, broken, "),
        ("broken", "'broken' of edge-bench 1.0 is failed: ", "one that works; others installed: "),
        ("outdated", "'outdated' of edge-bench 1.0 is incompatible: ", "one that works; others "),
    ],
)
def test_a_plugin_that_cannot_be_used_is_found_and_the_others_are_allowed(
    plugin: str, found: str, allowed: str
) -> None:
    (problem,) = plugin_problems(plugin, {})
    assert problem[0] == "sensor.plugin"
    assert problem[1].startswith(found)
    assert problem[2].startswith(allowed)
    assert "available are" not in problem[1]
    assert "others" not in problem[1]


@pytest.mark.parametrize(
    ("options", "found", "allowed"),
    [
        ({"ratehz": 1}, "unknown option 'ratehz'", "did you mean rate_hz? all: channels, "),
        ({"rate_hz": "fast"}, "option 'rate_hz': 'fast'", "float; see the plugin's README"),
        ({"channels": [1]}, "option 'channels': [1]", "str at [0]; see the plugin's README"),
        ({"token": 271828}, "option 'token': a value (not shown)", "str"),
    ],
)
def test_an_option_that_is_wrong_is_found_and_what_it_may_be_is_allowed(
    options: dict[str, Any], found: str, allowed: str
) -> None:
    ((key, was_found, was_allowed),) = plugin_problems("bench", options)
    assert (key, was_found) == ("sensor.options", found)
    assert was_allowed.startswith(allowed)


def test_an_option_that_is_required_is_said_to_be() -> None:
    pytest.importorskip("edge_sensor_replay", reason="the replay plugin is not installed")
    assert plugin_problems("replay", {}) == [
        ("sensor.options", "nothing for option 'path'", "a value; it is required")
    ]
