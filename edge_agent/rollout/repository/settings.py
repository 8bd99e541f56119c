"""``operator.toml``: how the operator reaches the broker, and how long signatures last."""

from pathlib import Path
from typing import Annotated

import msgspec

from edge_agent.rollout.broker import Broker

_TLS_FILES = ("ca_file", "cert_file", "key_file")

Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
# No wildcards, no empty level, nothing that only a broker may write.
_Root = Annotated[str, msgspec.Meta(pattern=r"^[^+#/$\x00][^+#/\x00]*(/[^+#/\x00]+)*\Z")]
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class SettingsError(Exception):
    """``operator.toml`` cannot be used; the message names file, key, found and allowed."""


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See Broker; files are relative to the folder of ``operator.toml``.

    Attributes:
        host: name or address.
        port: None: 8883 with TLS, 1883 without.
        root: first levels of every topic.
        username: None where the broker lets everybody in.
        password_file: its first line is the password.
        tls: encrypt, and verify the broker's certificate.
        ca_file: certificates to trust instead of the system's.
        cert_file: own certificate.
        key_file: its private key.
    """

    host: _Text
    port: _Port | None = None
    root: _Root = "edge/v1"
    username: _Text | None = None
    password_file: _Text | None = None
    tls: bool = False
    ca_file: _Text | None = None
    cert_file: _Text | None = None
    key_file: _Text | None = None


class Lifetimes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many days each role's signature is believed.

    Whoever owns the broker can keep news from gateways for as long as the timestamp lasts; so
    long the operator's side may be away, too, before gateways accept no updates.
    """

    root_days: Days = 1095
    targets_days: Days = 365
    snapshot_days: Days = 90
    timestamp_days: Days = 30


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``operator.toml``.

    Attributes:
        broker: None: nothing is uploaded, see ``export``.
        lifetimes: see Lifetimes.
    """

    broker: BrokerSettings | None = None
    lifetimes: Lifetimes = Lifetimes()


def read_settings(file: Path) -> OperatorSettings:
    """Return what ``file`` says.

    Raises:
        SettingsError: not readable, no TOML, an unknown key, or a value that is not allowed.
    """
    try:
        settings = msgspec.toml.decode(file.read_bytes(), type=OperatorSettings)
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error
    if settings.broker is not None:
        _check(settings.broker, file)
    return settings


def broker_of(settings: OperatorSettings, folder: Path) -> Broker | None:
    """Return the broker with its password; None where there is none.

    Args:
        settings: what ``operator.toml`` says.
        folder: in which it lies.

    Raises:
        SettingsError: the password cannot be read.
    """
    said = settings.broker
    if said is None:
        return None
    files = {
        key: None if name is None else str(folder / name)
        for key, name in ((key, getattr(said, key)) for key in _TLS_FILES)
    }
    return Broker(
        host=said.host,
        port=said.port or (8883 if said.tls else 1883),
        root=said.root,
        username=said.username,
        password=_password(said, folder),
        tls=said.tls,
        **files,
    )


def _password(said: BrokerSettings, folder: Path) -> str | None:
    if said.password_file is None:
        return None
    file = folder / said.password_file
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"broker.password_file: {file}: {error}") from error
    if not lines or not lines[0]:
        raise SettingsError(f"broker.password_file: {file}: no first line, allowed: a password")
    return lines[0]


def _check(said: BrokerSettings, file: Path) -> None:
    def refuse(key: str, found: str, allowed: str) -> None:
        raise SettingsError(f"{file}: broker.{key}: found {found}; allowed: {allowed}")

    if said.password_file is not None and said.username is None:
        refuse("username", "nothing", "a user name, as there is a password_file")
    for key in _TLS_FILES:
        if getattr(said, key) is not None and not said.tls:
            refuse(key, "a file without tls", "only with tls = true")
    for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if getattr(said, one) is not None and getattr(said, other) is None:
            refuse(other, "nothing", f"a file, as there is a {one}")
