"""Plugins are found by their entry points, and a bad one hurts nobody else."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from edge_agent.plugin import PluginError, configure, discover, load
from edge_agent.plugin.feature import NoOptions

BUILT_IN = {
    "band_energies",
    "clearance_factor",
    "crest_factor",
    "impulse_factor",
    "kurtosis",
    "mean_abs",
    "peak",
    "peak_to_peak",
    "rms",
    "shape_factor",
    "skewness",
    "velocity_rms",
}

GOOD = """
from typing import Annotated
import msgspec
from edge_agent.plugin import FEATURE_API_VERSION

class Options(msgspec.Struct, forbid_unknown_fields=True):
    band_hz: float
    name: str = "x"
    taps: list[int] = []
    weight: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5

    def __post_init__(self):
        if self.band_hz == 13.0:
            raise ValueError("band_hz 13 is not offered")

class Good:
    api_version = FEATURE_API_VERSION
    version = "2"
    options = Options
    outputs = ("good",)
    def __init__(self, options, given): ...
    def compute(self, window): ...
"""

Install = Callable[..., None]


def test_the_built_in_features_come_in_by_entry_points() -> None:
    records = discover("features")
    assert records.keys() >= BUILT_IN
    for name in BUILT_IN:
        assert records[name].status == "loaded", records[name].reason
        assert records[name].distribution == "edge-agent"


def test_a_record_says_who_provides_the_plugin(install: Install) -> None:
    install("my-features", GOOD, good="Good")
    record = discover("features")["good"]
    assert (record.name, record.kind, record.status) == ("good", "features", "loaded")
    assert (record.distribution, record.distribution_version) == ("my-features", "1.5")
    assert record.reason is None
    assert record.plugin is load("features", "good")


@pytest.mark.parametrize(
    ("source", "status", "reason"),
    [
        ("raise RuntimeError('no such chip')", "failed", "raised RuntimeError: no such chip"),
        ("import no_such_module", "failed", "No module named 'no_such_module'"),
        ("raise SystemExit(3)", "failed", "raised SystemExit: 3"),
        ("Bad = 3", "failed", "no class but 3"),
        ("Other = 3", "failed", "AttributeError"),
        (GOOD + "class Bad: pass", "failed", "class Bad has no api_version, version, options"),
        (GOOD + "class Bad(Good): version = 2", "failed", "version that is no string: 2"),
        (GOOD + "class Bad(Good): options = dict", "failed", "no msgspec.Struct class"),
        (
            GOOD + "class Loose(msgspec.Struct): pass\nclass Bad(Good): options = Loose",
            "failed",
            "do not forbid unknown fields",
        ),
        (GOOD + "class Bad(Good): api_version = 9", "incompatible", "API 9, this agent has 1"),
    ],
)
def test_a_bad_plugin_becomes_a_record_and_the_others_load(
    install: Install, source: str, status: str, reason: str
) -> None:
    install("bad-features", source, bad="Bad")
    records = discover("features")
    assert records["bad"].status == status
    assert reason in (records["bad"].reason or "")
    assert records["bad"].plugin is None
    assert all(records[name].status == "loaded" for name in BUILT_IN)
    with pytest.raises(PluginError, match=f"'bad' of bad-features 1.5 is {status}.*others.*rms"):
        load("features", "bad")


def test_a_name_that_two_distributions_claim_is_refused(install: Install) -> None:
    install("one", GOOD, good="Good")
    install("two", GOOD, good="Good")
    record = discover("features")["good"]
    assert record.status == "failed"
    assert record.reason == "registered more than once, by one 1.5, two 1.5"


def test_a_missing_plugin_is_named_with_those_available() -> None:
    with pytest.raises(PluginError, match=r"no feature plugin 'rsm'.*crest_factor.*rms"):
        load("features", "rsm")


def test_sensors_and_features_are_apart(install: Install) -> None:
    install("my-features", GOOD, good="Good")
    assert "good" not in discover("sensors")
    with pytest.raises(PluginError, match="no sensor plugin 'good'"):
        load("sensors", "good")


def test_a_sensor_is_asked_for_the_methods_of_a_sensor(install: Install) -> None:
    current = GOOD.replace("FEATURE_API_VERSION", "SENSOR_API_VERSION")
    install("my-sensors", current, kind="sensors", good="Good")
    assert discover("sensors")["good"].reason == "class Good has no info, open, read, close"


def test_one_plugin_is_loaded_without_importing_the_others() -> None:
    script = (
        "import sys; from edge_agent.plugin import load; load('features', 'rms');"
        "print('pywt' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "False"


def test_options_become_the_plugins_struct(install: Install) -> None:
    install("my-features", GOOD, good="Good")
    options = configure("features", "good", {"band_hz": 10, "taps": [1, 2]})
    assert isinstance(options, load("features", "good").options)
    assert (getattr(options, "band_hz", None), getattr(options, "taps", None)) == (10.0, [1, 2])
    assert configure("features", "rms", {}) == NoOptions()


def test_no_two_threads_have_msgspec_look_at_options_for_the_first_time(install: Install) -> None:
    looks = """
from edge_agent.plugin import discovery
locked = []
def number():
    locked.append(discovery._LOOKING_AT_TYPES.locked())
    return float
"""
    install(
        "my-features", looks + GOOD.replace("band_hz: float", "band_hz: 'number()'"), good="Good"
    )
    configure("features", "good", {"band_hz": 10})
    assert sys.modules["my_features"].locked[0]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "option 'band_hz' is missing"),
        (
            {"band_hz": "10"},
            "option 'band_hz': expected `float`, got `str`: found '10'",
        ),
        (
            {"band_hz": 1.0, "bandhz": 1},
            "unknown option 'bandhz': allowed are band_hz, name, taps, weight",
        ),
        (
            {"band_hz": 1.0, "taps": [1, 2.5]},
            "option 'taps': expected `int`, got `float` at [1]: found [1, 2.5]",
        ),
        (
            {"band_hz": 1.0, "weight": 2.0},
            "option 'weight': expected `float` <= 1.0: found 2.0",
        ),
        ({"band_hz": 13.0}, "band_hz 13 is not offered"),
    ],
)
def test_a_wrong_option_is_refused_with_key_found_and_allowed(
    install: Install, options: dict[str, object], problem: str
) -> None:
    install("my-features", GOOD, good="Good")
    with pytest.raises(PluginError) as caught:
        configure("features", "good", options)
    sentences = [found.sentence for found in caught.value.problems]
    assert sentences == [f"feature plugin 'good': {problem}"]


def test_all_wrong_options_are_named_at_once(install: Install) -> None:
    install("my-features", GOOD, good="Good")
    with pytest.raises(PluginError) as caught:
        configure("features", "good", {"name": 1, "weight": -1.0, "colour": "red"})
    assert len(caught.value.problems) == 4
    assert all(key in str(caught.value) for key in ("name", "weight", "colour", "band_hz"))
