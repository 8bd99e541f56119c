"""Takes secrets out of what leaves the gateway: by the names of keys, by place, and by value.

Three nets, because each has holes: a secret may stand under a harmless key, may have been printed
by a driver, or may be in no file that is known here.
"""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from edge_agent.daemon.config.problems import is_secret

REMOVED = "(removed)"
_SHORTEST = 4  # shorter ones stand everywhere by chance
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)
_USER_IN_URL = re.compile(r"(?<=://)([^/\s@]+)@")
_ASSIGNED = re.compile(
    r"(?i)\b([\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|authorization)[\w.-]*"
    r"(?<!_file)(?<!_env)(?<!_credential)"
    r"[\"']?\s*[:=]\s*)(?:bearer\s+|basic\s+)?(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&]+)"
)


class Redactor:
    """Knows what must not be seen."""

    def __init__(self, secrets: Iterable[str], environment: Mapping[str, str] = os.environ) -> None:
        """Hide ``secrets``, and the values of environment variables named like secrets."""
        named = (value for name, value in environment.items() if is_secret(name))
        known = {text for text in (*secrets, *named) if len(text) >= _SHORTEST}
        # The longest first: one may be a part of another.
        self._known = sorted(known, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return ``text`` without what is known, or looks like, a secret."""
        for secret in self._known:
            text = text.replace(secret, REMOVED)
        text = _PEM.sub(REMOVED, text)
        text = _USER_IN_URL.sub(f"{REMOVED}@", text)
        return _ASSIGNED.sub(rf"\1{REMOVED}", text)

    def table(self, value: Any, key: str = "") -> Any:  # noqa: ANN401 - whatever TOML or JSON holds
        """Return ``value`` without the values of keys named like secrets, and without the known."""
        if is_secret(key):
            return REMOVED
        if isinstance(value, Mapping):
            return {
                self.text(str(name)): self.table(item, str(name)) for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.table(item, key) for item in value]
        return self.text(value) if isinstance(value, str) else value


def secrets_in(value: Any, key: str = "") -> set[str]:  # noqa: ANN401 - whatever TOML holds
    """Return what stands under keys named like secrets, and users and passwords in addresses."""
    if isinstance(value, Mapping):
        return set().union(*(secrets_in(v, key if is_secret(key) else k) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return set().union(*(secrets_in(item, key) for item in value))
    if is_secret(key):
        return set() if isinstance(value, bool) else {str(value)}
    users = _USER_IN_URL.findall(value) if isinstance(value, str) else []
    return {part for user in users for part in user.split(":", 1)}
