"""A deterministic ZIP of known members, read as if somebody hostile had written it."""

import io
import zipfile
import zlib
from collections.abc import Mapping

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can state; equal input, equal bytes
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1


class ArchiveError(ValueError):
    """The archive is refused; the message names the member, what was found and what is allowed."""


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """Return a ZIP of ``members`` in their order; the same members give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # the same bytes whatever system writes them
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def read_archive(content: bytes, limits: Mapping[str, int], required: set[str]) -> dict[str, bytes]:
    """Return the members of the ZIP ``content``.

    Args:
        content: the whole file.
        limits: every allowed member's name and the most bytes it may have unpacked.
        required: names that must be there.

    Raises:
        ArchiveError: damaged, truncated, a member that is not allowed, twice, too large, packed by
            another method or encrypted, or bytes before or after the archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            _check_frame(archive, infos, limits, required)
            return {info.filename: _read(archive, info, limits) for info in infos}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise ArchiveError(f"damaged or truncated archive: {error}") from error


def _check_frame(
    archive: zipfile.ZipFile,
    infos: list[zipfile.ZipInfo],
    limits: Mapping[str, int],
    required: set[str],
) -> None:
    names = [info.filename for info in infos]
    extra = sorted(set(names) - set(limits))
    if extra:
        raise ArchiveError(f"member {extra[0]!r} found, allowed: {', '.join(limits)}")
    for name in names:
        if names.count(name) > 1:
            raise ArchiveError(f"member {name!r} found {names.count(name)} times, allowed: once")
    missing = sorted(required - set(names))
    if missing:
        raise ArchiveError(f"member {missing[0]!r} is missing, required: {sorted(required)}")
    if archive.comment or min(info.header_offset for info in infos) != 0:
        raise ArchiveError("bytes found before or after the archive, allowed: none")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Mapping[str, int]) -> bytes:
    limit = limits[info.filename]
    if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
        raise ArchiveError(f"member {info.filename!r} is encrypted or packed by an unknown method")
    if info.file_size > limit:
        raise ArchiveError(
            f"member {info.filename!r} has {info.file_size} bytes, allowed: at most {limit}"
        )
    with archive.open(info) as member:
        content = member.read(limit + 1)  # the stated size may lie: never unpack more than this
    if len(content) > limit:
        raise ArchiveError(f"member {info.filename!r} has more than {limit} bytes unpacked")
    return content
