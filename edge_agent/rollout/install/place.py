"""The models of each line on the disk, and the link that says which of them is used.

    models/LINE/current                          link to one of the folders beside it
    models/LINE/before.json                      those that were current before, oldest first
    models/LINE/VERSION-SHA8/model.edgemodel     never changed once it has this name
    models/LINE/VERSION-SHA8/placed.json         see Placed
    models/LINE/VERSION-SHA8/proven              it has held: one of the two to be kept

A folder gets its name when all in it is on the disk, and only after it was verified; whatever
begins with a dot is half made and goes at the next start.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Self

import msgspec

from edge_agent.disk import DISK, Disk, flip, make_folders, write_durably
from edge_agent.rollout.messages import Sha256, WantedModel

MODEL_FILE = "model.edgemodel"
PLACED_FILE = "placed.json"
PROVEN_FILE = "proven"
BEFORE_FILE = "before.json"
CURRENT = "current"
_REMEMBERED = 4  # folders that were current before


class PlaceError(Exception):
    """A line or a model is not there; the message says what was found and what is allowed."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A verified model on the disk.

    Attributes:
        name: of the bundle.
        version: of the bundle.
        sha256: of the bundle's file.
        length: of the bundle's file, bytes.
    """

    name: str
    version: str
    sha256: Sha256
    length: int

    @classmethod
    def of(cls, model: WantedModel) -> Self:
        """Return what is placed when ``model`` is wanted."""
        return cls(name=model.name, version=model.version, sha256=model.sha256, length=model.length)

    @property
    def folder(self) -> str:
        """Name of the folder below its line's."""
        return f"{self.version}-{self.sha256[:8]}"


class Lines:
    """The lines of one gateway."""

    def __init__(self, models: Path, disk: Disk = DISK) -> None:
        """Work below ``models``, which need not be there yet: ``{state_dir}/models``."""
        self._models = models
        self._disk = disk

    def names(self) -> tuple[str, ...]:
        """Return the lines of which something was placed."""
        try:
            found = sorted(entry.name for entry in self._models.iterdir() if entry.is_dir())
        except FileNotFoundError:
            return ()
        return tuple(name for name in found if not name.startswith("."))

    def model_file(self, line: str, folder: str = CURRENT) -> Path:
        """Return where the model of ``folder`` lies. Raises PlaceError."""
        return self._line(line) / folder / MODEL_FILE

    def installed(self, line: str) -> dict[str, Placed]:
        """Return all that is placed and whole, by folder, in the order of their names."""
        found: dict[str, Placed] = {}
        with contextlib.suppress(FileNotFoundError):
            for entry in sorted(self._line(line).iterdir()):
                placed = self.placed(line, entry.name)
                if placed is not None and not entry.is_symlink():
                    found[entry.name] = placed
        return found

    def placed(self, line: str, folder: str) -> Placed | None:
        """Return what lies in ``folder``; None where there is nothing, or not all of it."""
        path = self._line(line) / folder
        try:
            placed = msgspec.json.decode((path / PLACED_FILE).read_bytes(), type=Placed)
            length = (path / MODEL_FILE).stat().st_size
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return placed if length == placed.length else None

    def is_whole(self, line: str, folder: str) -> bool:
        """Say whether what lies in ``folder`` has the digest it was verified with; reads it all."""
        placed = self.placed(line, folder)
        if placed is None:
            return False
        try:
            content = (self._line(line) / folder / MODEL_FILE).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(content).hexdigest() == placed.sha256

    def current(self, line: str) -> str | None:
        """Return the folder in use; None where none is."""
        try:
            folder = str((self._line(line) / CURRENT).readlink())
        except OSError:
            return None
        return folder if self.placed(line, folder) is not None else None

    def before(self, line: str) -> tuple[str, ...]:
        """Return the folders that were in use before and are still there, oldest first."""
        current = self.current(line)
        return tuple(
            folder
            for folder in self._remembered(line)
            if folder != current and self.placed(line, folder) is not None
        )

    def place(self, line: str, placed: Placed, content: bytes) -> str:
        """Put a verified model beside the others, for good; what is in use stays.

        Args:
            line: that it belongs to.
            placed: what it is.
            content: the bundle's file.

        Returns:
            Name of its folder.

        Raises:
            PlaceError: ``content`` is not what ``placed`` says, or no name of a line.
            OSError: the disk is full, or not writable; nothing is left behind.
        """
        if hashlib.sha256(content).hexdigest() != placed.sha256 or len(content) != placed.length:
            raise PlaceError(f"{line}: content is not that of {placed.folder}")
        home = self._line(line)
        make_folders(home, self._disk)
        if self.is_whole(line, placed.folder):
            return placed.folder
        folder = home / placed.folder
        if folder.is_dir():  # damaged, and perhaps in use: file by file, never without
            write_durably(folder / MODEL_FILE, content, disk=self._disk)
            write_durably(folder / PLACED_FILE, msgspec.json.encode(placed), disk=self._disk)
            return placed.folder
        half_made = home / f".{placed.folder}"
        try:
            self._fill(half_made, placed, content)
            self._disk.rename(half_made, folder)
        except OSError:
            with contextlib.suppress(OSError):
                self._disk.remove_tree(half_made)
            raise
        self._disk.sync(home)
        return placed.folder

    def _fill(self, folder: Path, placed: Placed, content: bytes) -> None:
        if folder.exists():
            self._disk.remove_tree(folder)
        self._disk.make_folder(folder)
        for name, said in ((MODEL_FILE, content), (PLACED_FILE, msgspec.json.encode(placed))):
            self._disk.write(folder / name, said)
            self._disk.sync(folder / name)
        self._disk.sync(folder)

    def activate(self, line: str, folder: str) -> None:
        """Have ``folder`` used from now on; may be called again.

        Raises:
            PlaceError: nothing whole lies there.
            OSError: the disk is full, or not writable; the link is as it was.
        """
        if not self.is_whole(line, folder):
            raise PlaceError(f"{line}: nothing whole in {folder}, allowed: a placed model")
        current = self.current(line)
        if current == folder:
            return
        if current is not None:
            remembered = [f for f in self._remembered(line) if f != current]
            self._remember(line, [*remembered, current][-_REMEMBERED:])
        flip(self._line(line) / CURRENT, folder, self._disk)

    def roll_back(self, line: str, failed: str) -> str | None:
        """Have in use again what was so before ``failed``; may be called again.

        Returns:
            The folder in use; None where nothing was so before: then nothing is in use.

        Raises:
            OSError: the disk is full, or not writable; the link is as it was.
        """
        current = self.current(line)
        if current is not None and current != failed:
            return current  # it never came so far, or was taken back already
        remembered = self._remembered(line)
        if failed in remembered:
            self._remember(line, [folder for folder in remembered if folder != failed])
        return self._fall_back(line, failed)

    def prune(self, line: str, keep: Collection[str] = ()) -> None:
        """Remove all but the last two good ones: what is in use, and what was before it.

        To be called when what is in use has proven itself: until then more is kept to go back to.
        What has never proven itself is kept only where nothing else was in use before.

        Raises:
            OSError: the disk is not writable; what is not removed goes the next time.
        """
        current, before = self.current(line), self.before(line)
        if current is not None:
            proven = self._line(line) / current / PROVEN_FILE
            if not proven.exists():
                write_durably(proven, b"", disk=self._disk)
        good = [f for f in before if (self._line(line) / f / PROVEN_FILE).exists()]
        kept = {current, *(good or before)[-1:], *keep}
        self._remove(line, set(self.installed(line)) - kept)

    def drop_unused(self, line: str, keep: Collection[str] = ()) -> None:
        """Remove what was placed but never used, as of replaced desires. Raises OSError."""
        kept = {self.current(line), *self._remembered(line), *keep}
        self._remove(line, set(self.installed(line)) - kept)

    def recover(self) -> tuple[str, ...]:
        """Bring every line to a defined state after the process or the power ended anywhere.

        Returns:
            A sentence on each line where the model in use was damaged or gone.

        Raises:
            OSError: the disk is not writable.
        """
        said = []
        for line in self.names():
            home = self._line(line)
            for entry in sorted(home.iterdir()):
                if entry.name.startswith("."):
                    self._clear(entry)
            link = home / CURRENT
            if not link.is_symlink():
                continue
            folder = str(link.readlink())
            if not self.is_whole(line, folder):
                used = self._fall_back(line, folder)
                said.append(f"{line}: {folder} is damaged, in use: {used or 'nothing'}")
        return tuple(said)

    def _fall_back(self, line: str, failed: str) -> str | None:
        link = self._line(line) / CURRENT
        for folder in reversed(self._remembered(line)):
            if folder != failed and self.is_whole(line, folder):
                flip(link, folder, self._disk)
                return folder
        if link.is_symlink():
            self._disk.remove(link)
            self._disk.sync(link.parent)
        return None

    def _remove(self, line: str, folders: Collection[str]) -> None:
        home = self._line(line)
        for folder in sorted(folders):
            gone = home / f".{folder}"
            if gone.exists():
                self._disk.remove_tree(gone)
            self._disk.rename(home / folder, gone)
            self._disk.sync(home)  # else the old name might come back with half of what it held
            self._disk.remove_tree(gone)

    def _clear(self, entry: Path) -> None:
        if entry.is_dir() and not entry.is_symlink():
            self._disk.remove_tree(entry)
        else:
            self._disk.remove(entry)

    def _remembered(self, line: str) -> tuple[str, ...]:
        try:
            content = (self._line(line) / BEFORE_FILE).read_bytes()
            return msgspec.json.decode(content, type=tuple[str, ...])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return ()

    def _remember(self, line: str, folders: Collection[str]) -> None:
        content = json.dumps(list(folders)).encode()
        write_durably(self._line(line) / BEFORE_FILE, content, disk=self._disk)

    def _line(self, line: str) -> Path:
        if not line or line.startswith(".") or "/" in line:
            raise PlaceError(f"line {line!r}, allowed: a name that begins with no dot")
        return self._models / line
