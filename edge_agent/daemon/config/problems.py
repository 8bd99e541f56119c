"""What can be wrong with a configuration, said so that it can be put right."""

import json
import re
from dataclasses import dataclass

_SECRET_WORDS = ("password", "passwd", "secret", "token", "credential", "passphrase", "private")
# Too short to be looked for within a word: an author is no secret.
_SECRET_PARTS = re.compile(r"(^|[^a-z])(pwd|psk|api[_-]?key|access[_-]?key|auth|dsn)([^a-z]|$)")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong.

    Attributes:
        file: the file that says it.
        where: key path, or the line of a syntax error.
        found: what it says.
        allowed: what it may say.
    """

    file: str
    where: str
    found: str
    allowed: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.file}: {self.where}: found {self.found}; allowed: {self.allowed}"


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        """``problems`` is not empty."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def is_secret(key: str) -> bool:
    """Say whether a key by this name may hold a secret."""
    lowered = key.lower()
    return any(word in lowered for word in _SECRET_WORDS) or bool(_SECRET_PARTS.search(lowered))


def shown(key: str, value: object) -> str:
    """Show a value as the configuration spells it, but nothing that may be a secret."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if is_secret(key) or (isinstance(value, str) and "@" in value):
        return f"{kind_of(value)} (not shown)"
    if isinstance(value, bool | int | float | str):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= _LONGEST else f'{text[:_LONGEST]}..."'
    return f"{kind_of(value)} {value}"


def kind_of(value: object) -> str:
    """Name the TOML type of a value."""
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a text"}
    return names.get(type(value), "a date or time")
