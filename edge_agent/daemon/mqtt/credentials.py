"""What the gateway shows the broker: its password, kept out of every message, and certificates."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.daemon.config.settings import Mqtt

_ALLOWED = {
    "mqtt.password_env": "a variable that holds the password",
    "mqtt.password_credential": "a credential of the unit whose first line is the password",
    "mqtt.password_file": "a file whose first line is the password",
    "mqtt.ca_file": "a PEM file of certificates",
    "mqtt.cert_file": "a PEM certificate, its private key in mqtt.key_file",
    "mqtt.key_file": "the private key of mqtt.cert_file, in PEM",
}


class CredentialError(Exception):
    """There is no password or certificate where the configuration says; no message shows one.

    Attributes:
        key: of the configuration.
        found: what is there.
        allowed: what may be there.
        only_at_run_time: the place exists only while systemd runs the agent.
    """

    def __init__(self, key: str, found: str, *, only_at_run_time: bool = False) -> None:
        """``found`` is for people."""
        super().__init__(f"{key}: {found}")
        self.key = key
        self.found = found
        self.allowed = _ALLOWED[key]
        self.only_at_run_time = only_at_run_time


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the broker is shown, to connect with and to notice a change.

    Attributes:
        password: None where the configuration names no place for one.
        digests: of the files for TLS, in the order of their keys.
    """

    password: str | None = field(repr=False)
    digests: tuple[bytes, ...] = field(repr=False)


def read_credentials(mqtt: Mqtt, environment: Mapping[str, str] = os.environ) -> Credentials:
    """Read the password and the files for TLS, and try whether these can be used.

    Raises:
        CredentialError: something is not where the configuration says, or cannot be used.
    """
    password = read_password(mqtt, environment)
    check_certificates(mqtt)
    return Credentials(password, tuple(_digest(key, path) for key, path in _tls_files(mqtt)))


def signature(mqtt: Mqtt) -> tuple[object, ...]:
    """Return something that changes when a file of the credentials may have; reads none."""
    paths = [path for _, path in _tls_files(mqtt)]
    if mqtt.password_file is not None:
        paths.append(Path(mqtt.password_file))
    return tuple(_stamp(path) for path in paths)


def _tls_files(mqtt: Mqtt) -> list[tuple[str, Path]]:
    if not mqtt.tls:
        return []
    keys = ("ca_file", "cert_file", "key_file")
    return [(f"mqtt.{key}", Path(path)) for key in keys if (path := getattr(mqtt, key)) is not None]


def _digest(key: str, path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise CredentialError(key, f"{path}, which cannot be read: {error.strerror}") from None


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read_password(mqtt: Mqtt, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the password, None where the configuration names no place for one.

    Raises:
        CredentialError: it cannot be read there, or is empty.
    """
    if mqtt.password_env is not None:
        value = environment.get(mqtt.password_env)
        if not value:
            state = "empty" if value == "" else "not set"
            raise CredentialError("mqtt.password_env", f"{mqtt.password_env}, which is {state}")
        return value
    if mqtt.password_credential is not None:
        folder = environment.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise CredentialError(
                "mqtt.password_credential",
                "no credentials directory, which only systemd provides (LoadCredential=)",
                only_at_run_time=True,
            )
        return _first_line("mqtt.password_credential", Path(folder) / mqtt.password_credential)
    if mqtt.password_file is not None:
        return _first_line("mqtt.password_file", Path(mqtt.password_file))
    return None


def check_certificates(mqtt: Mqtt) -> None:
    """Try whether the files for TLS can be used.

    Raises:
        CredentialError: one cannot.
    """
    if not mqtt.tls:
        return
    from edge_agent.daemon.mqtt.tls import TlsError, tls_context

    try:
        tls_context(mqtt)
    except TlsError as error:
        raise CredentialError(error.key, error.found) from error


def _first_line(key: str, path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CredentialError(key, f"{path}, which cannot be read: {reason}") from None
    if not lines or not lines[0]:
        raise CredentialError(key, f"{path}, whose first line is empty")
    return lines[0]
