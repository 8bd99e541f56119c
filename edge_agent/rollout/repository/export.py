"""Copies the repository into a folder that a web server or a USB stick can carry."""

from pathlib import Path

import msgspec

from edge_agent.disk import write_durably
from edge_agent.rollout.repository.chain import target_file
from edge_agent.rollout.repository.home import TIMESTAMP_FILE, Home
from edge_agent.rollout.repository.roles import Roles


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did.

    Attributes:
        files: there are now.
        copied: of them, those that were not there already.
        copied_bytes: their length.
        deleted: files of older states that nobody needs any more.
    """

    files: int
    copied: int
    copied_bytes: int
    deleted: int


def export(home: Home, destination: Path) -> Exported:
    """Make ``destination`` a copy of the repository: ``metadata/`` and ``targets/``.

    The timestamp comes last, so that whoever reads meanwhile sees the old repository or the new
    one; what is there already is not copied again. Nothing else in the folder is touched.

    Raises:
        HomeError: the metadata cannot be read.
        OSError: a file cannot be read or written.
    """
    roles = Roles(home.metadata)
    roles.confirm()
    targets = [target_file(home, target) for target in roles.targets().signed.targets.values()]
    metadata = roles.files()
    last = metadata.pop(TIMESTAMP_FILE)
    repository = home.metadata.parent
    names = [file.relative_to(repository) for file in [*targets, *metadata.values(), last]]
    copied = 0
    copied_bytes = 0
    for name in names:
        content = (repository / name).read_bytes()
        if not _holds(destination / name, content):
            write_durably(destination / name, content)
            copied += 1
            copied_bytes += len(content)
    old = [
        file
        for folder in (home.metadata.name, home.targets.name)
        for file in (destination / folder).rglob("*")
        if file.is_file() and file.relative_to(destination) not in names
    ]
    for file in old:
        file.unlink()
    return Exported(files=len(names), copied=copied, copied_bytes=copied_bytes, deleted=len(old))


def _holds(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content
    except FileNotFoundError:
        return False
