"""A disk at which the process, or the power, ends before any system call."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from edge_agent.disk import READABLE, Disk

End = Literal["process", "power", "full"]


class EndedError(BaseException):
    """The process was killed; nothing catches this."""


class FailingDisk(Disk):
    """Ends before call number ``at``, or in the middle of it where it has one.

    ``process``: what was done is there. ``power``: what was not synced is not: content is lost, and
    names are as they were. ``full``: from then on there is no space, and the process goes on.
    """

    def __init__(self, at: int | None = None, end: End = "process") -> None:
        self.calls = 0
        self._at = at
        self._end = end
        self._undo: list[tuple[Path, Callable[[Path], None]]] = []
        self._contents: dict[Path, bytes] = {}

    def make_folder(self, folder: Path) -> None:
        self._step(needs_space=True)
        if not folder.exists():
            super().make_folder(folder)
            self._undo.append((folder.parent, lambda at: shutil.rmtree(at / folder.name)))

    def write(self, file: Path, content: bytes, mode: int = READABLE) -> None:
        self._step(lambda: file.write_bytes(content[: len(content) // 2]), needs_space=True)
        if not file.exists():
            self._undo.append((file.parent, lambda at: (at / file.name).unlink()))
        super().write(file, content, mode)
        self._contents[file] = content

    def sync(self, path: Path) -> None:
        self._step()
        super().sync(path)
        self._contents.pop(path, None)
        self._undo = [(folder, undo) for folder, undo in self._undo if folder != path]

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        before = _remembered(target)
        super().rename(source, target)
        self._contents = {_moved(f, source, target): c for f, c in self._contents.items()}
        self._undo = [(_moved(at, source, target), undo) for at, undo in self._undo]

        def undo(at: Path) -> None:
            (at / target.name).rename(at / source.name)
            before(at)

        self._undo.append((target.parent, undo))

    def link(self, link: Path, target: str) -> None:
        self._step(needs_space=True)
        super().link(link, target)
        self._undo.append((link.parent, lambda at: (at / link.name).unlink()))

    def remove(self, file: Path) -> None:
        self._step()
        before = _remembered(file)
        super().remove(file)
        self._undo.append((file.parent, before))

    def remove_tree(self, folder: Path) -> None:
        def half() -> None:
            files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
            for file in files[: (len(files) + 1) // 2]:
                file.unlink()

        self._step(half)
        super().remove_tree(folder)

    def _step(self, half: Callable[[], object] | None = None, *, needs_space: bool = False) -> None:
        self.calls += 1
        if self._at is None or self.calls <= self._at:
            return
        if self._end == "full":
            if needs_space:
                if half is not None:
                    half()
                raise OSError(28, "No space left on device")
            return
        if half is not None:
            half()
        if self._end == "power":
            self.lose_power()
        raise EndedError

    def lose_power(self) -> None:
        """Take back what was not synced."""
        for file in self._contents:
            if file.exists():
                file.write_bytes(b"")
        for folder, undo in reversed(self._undo):
            with contextlib.suppress(FileNotFoundError):
                undo(folder)


def _moved(path: Path, source: Path, target: Path) -> Path:
    return target / path.relative_to(source) if path.is_relative_to(source) else path


def _remembered(path: Path) -> Callable[[Path], None]:
    """Return what puts back what is at ``path`` now, in a folder of whatever name."""
    if path.is_symlink():
        target = path.readlink()
        return lambda at: (at / path.name).symlink_to(target)
    if path.is_file():
        content = path.read_bytes()

        def put_back(at: Path) -> None:
            (at / path.name).write_bytes(content)

        return put_back
    return lambda _at: None
