"""A deterministic ZIP of known members, read as if somebody hostile had written it."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can state; equal input, equal bytes
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED, _SIZE_FOLLOWS = 0x1, 0x8  # flag bits; the second: sizes stand after the data
_LOCAL_HEADER = 30  # bytes, before name and extra field, whose lengths are its last two numbers
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"


# What zipfile lets through on damaged input, names that are no UTF-8 among it.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    UnicodeDecodeError,
)


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


def read_archive(
    content: bytes, limits: Mapping[str, int], required: set[str], *, limit: int | None = None
) -> dict[str, bytes]:
    """Return the members of the ZIP ``content``.

    Args:
        content: the whole file.
        limits: every allowed member's name and the most bytes it may have unpacked.
        required: names that must be there.
        limit: the most bytes of all members together.

    Raises:
        ArchiveError: damaged, truncated, a member that is not allowed, twice, too large, packed by
            another method or encrypted, or bytes before or after the archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            _check_names(infos, limits, required)
            _check_layout(content, infos)
            total = sum(info.file_size for info in infos)
            if limit is not None and total > limit:
                raise ArchiveError(f"members have {total} bytes together, allowed: {limit}")
            return {info.filename: _read(archive, info, limits) for info in infos}
    except _DAMAGE as error:
        raise ArchiveError(f"damaged or truncated archive: {error}") from error


def _check_names(
    infos: list[zipfile.ZipInfo], limits: Mapping[str, int], required: set[str]
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


def _check_layout(content: bytes, infos: list[zipfile.ZipInfo]) -> None:
    """Every byte must belong to a member or to the directory: nothing travels along unseen."""
    position = 0
    for info in infos:
        if info.flag_bits & (_ENCRYPTED | _SIZE_FOLLOWS) or info.compress_type not in _METHODS:
            raise ArchiveError(
                f"member {info.filename!r} is encrypted or packed by an unknown method"
            )
        if info.header_offset != position:
            raise ArchiveError(f"bytes found before member {info.filename!r}, allowed: none")
        lengths = struct.unpack_from("<2H", content, position + _LOCAL_HEADER - 4)
        position += _LOCAL_HEADER + sum(lengths) + info.compress_size
    signature, *_, size, offset, _ = _END.unpack(content[-_END.size :])
    ends = signature == _END_SIGNATURE and offset + size + _END.size == len(content)
    if not ends or offset != position:
        raise ArchiveError("bytes found between or after the members, allowed: none")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Mapping[str, int]) -> bytes:
    limit = limits[info.filename]
    if info.file_size > limit:
        raise ArchiveError(
            f"member {info.filename!r} has {info.file_size} bytes, allowed: at most {limit}"
        )
    with archive.open(info) as member:
        content = member.read(limit + 1)  # the stated size may lie: never unpack more than this
    if len(content) != info.file_size:
        raise ArchiveError(
            f"member {info.filename!r} has {len(content)} bytes unpacked, states {info.file_size}"
        )
    return content
