"""The configuration's files as one table that remembers which file said what."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.daemon.config.lines import line_of
from edge_agent.daemon.config.problems import Problem

LIMIT_BYTES = 4 << 20
LIMIT_DEPTH = 50  # tables and lists; plugin options may nest, but whoever reads them has a stack
_ASSET = re.compile(r"^asset\[(\d+)\]")


@dataclass(slots=True)
class Sources:
    """The merged table, and where each part of it comes from.

    Attributes:
        main: the file named by the user; relative paths and the rest of the messages go by it.
        table: everything merged: tables key by key, assets one after the other.
        problems: found on the way: unreadable files, syntax errors, keys given twice.
    """

    main: Path
    table: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _texts: dict[Path, str] = field(default_factory=dict)
    _origins: dict[str, Path] = field(default_factory=dict)
    _assets: list[tuple[Path, int]] = field(default_factory=list)

    @classmethod
    def read(cls, main: Path) -> "Sources":
        """Read ``main`` and the ``*.toml`` files of ``config.d`` beside it, in order of names."""
        sources = cls(main)
        sources._add(main)
        folder = main.parent / "config.d"
        try:
            parts = sorted(file for file in folder.iterdir() if file.suffix == ".toml")
        except FileNotFoundError:
            parts = []
        except OSError as error:  # to go on without the assets in there would be no kindness
            reason = error.strerror or str(error)
            sources._refuse(folder, "folder", reason, "a folder that can be listed, or none")
            parts = []
        for file in parts:
            sources._add(file)
        return sources

    def put(self, path: str, value: object, file: Path) -> None:
        """Let ``path``, such as ``asset[1].sensor.unit``, be ``value``, as ``file`` says."""
        *tables, key = path.split(".")
        table = self.table
        for name in tables:
            match = _ASSET.match(name)
            inner = table["asset"][int(match[1])] if match else table.setdefault(name, {})
            if not isinstance(inner, dict):
                return  # refused for that
            table = inner
        table[key] = value
        self._origins[path] = file

    def file_of(self, path: str) -> Path:
        """Return the file that says ``path``, a key path into the merged table."""
        if path in self._origins:
            return self._origins[path]
        if (match := _ASSET.match(path)) and int(match[1]) < len(self._assets):
            return self._assets[int(match[1])][0]
        while path and path not in self._origins:
            path = path.rpartition(".")[0]
        return self._origins.get(path, self.main)

    def problem(self, path: str, found: str, allowed: str) -> Problem:
        """Return a problem with the key at ``path``: its file, its line, its asset's name."""
        file = self.file_of(path)
        local = path
        match = None if path in self._origins else _ASSET.match(path)
        if match and int(match[1]) < len(self._assets):
            index = int(match[1])
            local = f"asset[{self._assets[index][1]}]{path[match.end() :]}"
        line = line_of(self._texts.get(file, ""), local)
        where = local if line is None else f"line {line}, {local}"
        return Problem(str(file), where, found, allowed)

    def _add(self, file: Path) -> None:
        try:
            with file.open("rb") as opened:
                content = opened.read(LIMIT_BYTES + 1)
        except OSError as error:
            self._refuse(file, "file", error.strerror or str(error), "a readable file")
            return
        if len(content) > LIMIT_BYTES:
            self._refuse(file, "file", f"more than {LIMIT_BYTES} bytes", "fewer")
            return
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self._refuse(file, f"line {line}", "bytes that are not UTF-8", "UTF-8 text")
            return
        table: dict[str, Any] | None = None
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            message, _, place = str(error).partition(" (at ")
            where = place.rstrip(")").replace(", column", " column") or "file"
            self._refuse(file, where, message[:1].lower() + message[1:], "TOML 1.0")
            return
        except RecursionError:
            pass
        if table is None or _is_deep(table):
            self._refuse(file, "file", f"more than {LIMIT_DEPTH} tables in each other", "fewer")
            return
        self._texts[file] = text
        self._merge(self.table, table, "", file)

    def _merge(self, into: dict[str, Any], table: dict[str, Any], path: str, file: Path) -> None:
        for key, value in table.items():
            where = f"{path}.{key}" if path else key
            if where == "asset" and isinstance(value, list):
                self._assets += [(file, index) for index in range(len(value))]
                into.setdefault(key, [])
                if isinstance(into[key], list):
                    into[key] += value
                    self._origins.setdefault(where, file)
                    continue
            if key not in into:
                # A copy: a later file may add to this table.
                into[key] = {} if isinstance(value, dict) else value
                self._origins[where] = file
                if isinstance(value, dict):
                    self._merge(into[key], value, where, file)
            elif isinstance(into[key], dict) and isinstance(value, dict):
                self._merge(into[key], value, where, file)
            else:
                line = line_of(self._texts[file], where)
                self._refuse(
                    file,
                    where if line is None else f"line {line}, {where}",
                    f"a second value; {self._origins.get(where, self.main)} has the first",
                    "each key once in all files",
                )

    def _refuse(self, file: Path, where: str, found: str, allowed: str) -> None:
        self.problems.append(Problem(str(file), where, found, allowed))


def _is_deep(table: dict[str, Any]) -> bool:
    """Say whether tables and lists stand in each other beyond the limit."""
    level: list[Any] = [table]
    for _ in range(LIMIT_DEPTH):
        inner: list[Any] = []
        for value in level:
            inner += value.values() if isinstance(value, dict) else value
        level = [value for value in inner if isinstance(value, dict | list)]
    return bool(level)
