import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.daemon.config.draft import load_config
from edge_agent.daemon.config.fields import convert
from edge_agent.daemon.config.problems import ConfigError, Problem
from edge_agent.daemon.config.settings import Config
from edge_agent.daemon.config.sources import Sources

WriteConfig = Callable[..., Path]

SOUND = """\
gateway = "gw-1"
[[asset]]
name = "pump-1"
bundle = "samples.edgemodel"
[asset.sensor]
plugin = "bench"
"""


def problems(path: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return caught.value.problems


def only(path: Path) -> Problem:
    (problem,) = problems(path)
    return problem


def test_defaults_are_filled_in_and_paths_made_absolute(write_config: WriteConfig) -> None:
    path = write_config()
    config = load_config(path)
    assert config.mqtt.port == 1883
    assert config.mqtt.client_id == "edge-agent-gw-1"
    assert config.asset[0].bundle == str(path.parent / "samples.edgemodel")
    assert config.state_dir == str(path.parent / "state")


def test_tls_has_a_port_of_its_own(write_config: WriteConfig) -> None:
    assert load_config(write_config(SOUND + "[mqtt]\ntls = true\n")).mqtt.port == 8883


def test_assets_of_config_d_are_appended_in_order_of_file_names(
    write_config: WriteConfig, asset_table: Callable[[str], str]
) -> None:
    (path := write_config()).parent.joinpath("config.d").mkdir()
    write_config(None, b=asset_table("b"), a=asset_table("a"))
    assert [asset.name for asset in load_config(path).asset] == ["pump-1", "a", "b"]


def test_a_relative_bundle_belongs_to_the_file_that_names_it(
    write_config: WriteConfig, asset_table: Callable[[str], str]
) -> None:
    path = write_config(None, a=asset_table("a"))
    bundles = [asset.bundle for asset in load_config(path).asset]
    assert bundles == [str(path.parent / f / "samples.edgemodel") for f in ("", "config.d")]


def test_tables_of_several_files_are_merged(write_config: WriteConfig) -> None:
    path = write_config(SOUND + '[mqtt]\nhost = "broker"\n', a="[mqtt]\nport = 1884\n")
    assert (load_config(path).mqtt.host, load_config(path).mqtt.port) == ("broker", 1884)


def test_a_key_in_two_files_names_both(write_config: WriteConfig) -> None:
    path = write_config(SOUND + "[mqtt]\nport = 1883\n", a="\n[mqtt]\nport = 1884\n")
    problem = only(path)
    assert problem.file == str(path.parent / "config.d" / "a.toml")
    assert problem.where == "line 3, mqtt.port"
    assert str(path) in problem.found


def test_every_problem_is_found_at_once(write_config: WriteConfig) -> None:
    path = write_config(
        """\
gateway = "desired"
statedir = "x"
state_save_s = inf
[mqtt]
port = 70000
host = 5
keepalive_s = "long"
[publish]
score = 1
[[asset]]
name = "pump 1"
bundle = "nowhere.edgemodel"
[asset.sensor]
plugin = ""
on_failure = "panic"
[[asset]]
bundle = "samples.edgemodel"
sensor = 3
"""
    )
    found = {problem.where.partition(", ")[2] or problem.where for problem in problems(path)}
    assert found == {
        "gateway",
        "statedir",
        "state_save_s",
        "mqtt.port",
        "mqtt.host",
        "mqtt.keepalive_s",
        "publish.score",
        "asset[0].name",
        "asset[0].sensor.plugin",
        "asset[0].sensor.on_failure",
        "asset[1].name",
        "asset[1].sensor",
    }


def test_an_unknown_key_comes_with_the_nearest_allowed_one(write_config: WriteConfig) -> None:
    problem = only(write_config(SOUND + '[mqtt]\nuser_name = "me"\n'))
    assert problem.where == "line 8, mqtt.user_name"
    assert problem.allowed.startswith("did you mean username?")
    assert "password_file" in problem.allowed


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a+", "#", "ü", "x" * 65, "a\\n"])
def test_a_name_that_is_no_topic_level_is_refused(write_config: WriteConfig, name: str) -> None:
    problem = only(write_config(SOUND.replace("pump-1", name)))
    assert problem.where == "line 3, asset[0].name"
    assert "[A-Za-z0-9_.-]{1,64}" in problem.allowed


@pytest.mark.parametrize("name", ["repo", "rollouts", "desired"])
def test_a_reserved_gateway_name_is_refused(write_config: WriteConfig, name: str) -> None:
    assert name in only(write_config(SOUND.replace("gw-1", name))).found


def test_the_second_asset_of_a_name_is_refused(
    write_config: WriteConfig, asset_table: Callable[[str], str]
) -> None:
    problem = only(write_config(SOUND + asset_table("pump-1")))
    assert problem.where == "line 8, asset[1].name"


def test_a_syntax_error_is_named_by_its_line_and_nothing_else_is_said(
    write_config: WriteConfig,
) -> None:
    problem = only(write_config('gateway = "gw-1"\nbroken\n'))
    assert problem.where == "line 2 column 7"


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    assert only(tmp_path / "none.toml").found == "No such file or directory"


def test_bytes_that_are_no_text_are_named_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b'gateway = "gw"\n# \xff\n')
    assert only(path).where == "line 2"


@pytest.mark.parametrize(
    "line",
    [
        'password = "hunter2"',
        'password_env = ["hunter2"]',
        'username = "u"\npassword_file = 1\npasswort_file = "hunter2"',
        'host = "mqtt://user:hunter2@broker"',
    ],
)
def test_no_secret_is_shown(write_config: WriteConfig, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(SOUND + f"[mqtt]\n{line}\n"))
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


def test_two_places_for_the_password_are_one_too_many(write_config: WriteConfig) -> None:
    path = write_config(
        SOUND + '[mqtt]\nusername = "u"\npassword_env = "P"\npassword_credential = "p"\n'
    )
    assert only(path).allowed.startswith("one of password_file")


def test_a_certificate_without_tls_is_refused(write_config: WriteConfig) -> None:
    path = write_config(SOUND + '[mqtt]\nca_file = "config.toml"\n')
    assert only(path).allowed == "only with tls = true"


def test_a_sensitivity_needs_a_unit(write_config: WriteConfig) -> None:
    assert only(write_config(SOUND + "sensitivity = 0.1\n")).where == "line 5, asset[0].sensor.unit"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(write_config: WriteConfig) -> None:
    path = write_config()
    path.chmod(0)
    assert only(path).found == "Permission denied"


def test_a_config_d_that_cannot_be_listed_is_named(write_config: WriteConfig) -> None:
    path = write_config()
    path.with_name("config.d").write_text("")
    assert only(path).file.endswith("config.d")


@pytest.mark.parametrize(
    ("before", "after", "where", "word"),
    [
        ('"samples.edgemodel"', r'"a\u0000b"', "asset[0].bundle", "U+0000"),
        ('"state"', r'"a\u0000b"', "state_dir", "U+0000"),
    ],
)
def test_a_path_that_none_can_be_is_a_problem_and_no_failure(
    write_config: WriteConfig, before: str, after: str, where: str, word: str
) -> None:
    path = write_config()
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    assert where in only(path).where
    assert word in only(path).found


@pytest.mark.parametrize(
    "deep",
    [
        "x = " + 60 * "[" + 60 * "]",
        "[" + ".".join(60 * ["x"]) + "]",
        "x = " + 200 * "{y = " + "1" + 200 * "}",
        "[" + ".".join(5000 * ["x"]) + "]",
    ],
)
def test_tables_in_each_other_have_an_end(write_config: WriteConfig, deep: str) -> None:
    path = write_config()
    path.write_text(f"{deep}\n")
    assert only(path).found == "more than 50 tables in each other"


_LEAVES = st.one_of(
    st.booleans(), st.integers(-10, 10), st.floats(), st.text(max_size=5), st.dates(), st.none()
)
_KEYS = st.sampled_from(["gateway", "mqtt", "asset", "sensor", "name", "plugin", "port", "x"])
_TABLES = st.dictionaries(
    _KEYS,
    st.recursive(
        _LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(_TABLES)
def test_no_table_breaks_the_check(table: dict[str, object]) -> None:
    sources = Sources(Path("config.toml"), table)
    found: list[Problem] = []
    config = convert(table, Config, "", lambda *said: found.append(sources.problem(*said)))
    assert (config is None) == bool(found)
    assert all(str(problem) for problem in found)


@pytest.mark.parametrize(
    ("text", "limit_mm_s"),
    [
        ('group = 1\nsupport = "rigid"', 4.5),
        ('group = 1\nsupport = "flexible"\nzone = "D"', 11.0),
        ('group = 2\nsupport = "rigid"', 2.8),
        ('group = 2\nsupport = "flexible"\nzone = "C"', 4.5),
        ("mm_s = 3.3", 3.3),
    ],
)
def test_a_velocity_limit_is_a_zone_of_the_machines_class_or_a_number(
    write_config: WriteConfig, text: str, limit_mm_s: float
) -> None:
    config = load_config(write_config(f"{SOUND}[asset.velocity_limit]\n{text}\n"))
    assert config.asset[0].limit_mm_s == limit_mm_s


@pytest.mark.parametrize(
    ("text", "where", "found"),
    [
        ("", "asset[0].velocity_limit", "nothing"),
        ("group = 1", "asset[0].velocity_limit", "group"),
        ('zone = "D"\nmm_s = 3.0', "asset[0].velocity_limit", "zone and mm_s"),
        ('group = 3\nsupport = "rigid"', "asset[0].velocity_limit.group", "3"),
        ("mms = 3.0", "asset[0].velocity_limit.mms", "an unknown key"),
        ("mm_s = 0", "asset[0].velocity_limit.mm_s", "0"),
    ],
)
def test_a_velocity_limit_that_says_too_little_or_too_much_is_refused(
    write_config: WriteConfig, text: str, where: str, found: str
) -> None:
    problem = only(write_config(f"{SOUND}[asset.velocity_limit]\n{text}\n"))
    assert where in problem.where
    assert found in problem.found
