import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.daemon.redact import REMOVED, Redactor, secrets_in


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("connecting to mqtt://joe:hunter2@broker:1883", f"mqtt://{REMOVED}@broker"),
        ("login with password=hunter2, retrying", f"password={REMOVED}, retrying"),
        ('{"api_key": "hunter2"}', f'"api_key": {REMOVED}'),
        ("Authorization: Bearer hunter2", f"Authorization: {REMOVED}"),
        ("refresh_token: 'hunter2 and more'", f"refresh_token: {REMOVED}"),
        ("-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----", REMOVED),
        ("-----BEGIN PRIVATE KEY-----\nhunter2 cut off", REMOVED),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, safe: str) -> None:
    cleaned = Redactor((), {}).text(text)
    assert "hunter2" not in cleaned
    assert safe in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "asset pump-1: sensor iio running: channels x, y; 25600 Hz; unit g",
        "password_file: found /etc/x, where there is no file",
        "https://broker.example.org/path",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor((), {}).text(text) == text


def test_what_is_known_goes_wherever_it_stands() -> None:
    redactor = Redactor(["hunter2", "hunter2-and-more"], {"MY_TOKEN": "sesame", "HOME": "/root"})
    cleaned = redactor.text("hunter2-and-more, hunter2; sesame at /root")
    assert cleaned == f"{REMOVED}, {REMOVED}; {REMOVED} at /root"


def test_values_of_keys_named_like_secrets_go_whatever_they_are() -> None:
    table = {
        "mqtt": {"password_file": "f", "host": "broker"},
        "options": {"token": ["a", "b"], "psk": 1234, "auth": {"user": "joe"}, "author": "ann"},
    }
    assert Redactor((), {}).table(table) == {
        "mqtt": {"password_file": REMOVED, "host": "broker"},
        "options": {"token": REMOVED, "psk": REMOVED, "auth": REMOVED, "author": "ann"},
    }


def test_texts_under_secret_keys_are_known_from_then_on() -> None:
    table: dict[str, object] = {
        "a": {"token": "one", "b": [{"passphrase": ["two", 3]}]},
        "auth": {"user": "joe"},
    }
    table["url"] = "opc.tcp://ann:four@plc:4840"
    assert secrets_in(table) == {"one", "two", "3", "joe", "ann", "four"}


@given(st.text(min_size=4), st.text(), st.text())
def test_no_known_secret_survives(secret: str, before: str, after: str) -> None:
    cleaned = Redactor([secret], {}).text(before + secret + after)
    assert secret not in cleaned.replace(REMOVED, "")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_table_is_taken(table: object) -> None:
    Redactor(secrets_in(table), {}).table(table)
