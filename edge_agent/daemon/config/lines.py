"""Which line of a TOML file a key stands on; for messages only, so good effort is good enough."""

import re

_HEADER = re.compile(r"^\s*(\[{1,2})\s*([A-Za-z0-9_.\- ]+?)\s*\]{1,2}\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.-]+)\s*=")


def line_of(text: str, path: str) -> int | None:
    """Return the line of ``path``, such as ``asset[1].sensor.plugin``, or of what holds it."""
    found = _lines(text)
    while path:
        if path in found:
            return found[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return None


def _lines(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            name = header[2].replace(" ", "")
            if header[1] == "[[":
                counts[name] = counts.get(name, -1) + 1
            table = ".".join(
                f"{part}[{counts[part]}]" if part in counts else part for part in name.split(".")
            )
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(f"{table}.{key[1]}" if table else key[1], number)
    return found
