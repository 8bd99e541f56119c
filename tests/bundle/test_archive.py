import io
import struct
import tracemalloc
import zipfile
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.bundle.archive import ArchiveError, read_archive, write_archive

LIMITS = {"a.json": 1000, "b.bin": 5000, "c.html": 5000}
REQUIRED = {"a.json", "b.bin"}
MEMBERS = {"a.json": b'{"x": 1}' * 20, "b.bin": np.random.default_rng(1).bytes(1500)}
ARCHIVE = write_archive(MEMBERS)
END = struct.Struct("<4s4H2LH")
CENTRAL = b"PK\x01\x02"
LOCAL = b"PK\x03\x04"


def read(content: bytes, limits: Mapping[str, int] = LIMITS) -> dict[str, bytes]:
    return read_archive(content, limits, REQUIRED)


def foreign(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive as somebody else's tool may write it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # the constructor would clean it
            info.compress_type = method
            archive.writestr(info, content)
    return buffer.getvalue()


def patched(content: bytes, header: bytes, offset: int, value: bytes) -> bytes:
    """Write ``value`` at ``offset`` of the first header of a kind."""
    at = content.index(header) + offset
    return content[:at] + value + content[at + len(value) :]


def test_what_was_written_is_read_again_in_the_same_order() -> None:
    assert list(read(ARCHIVE).items()) == list(MEMBERS.items())


def test_the_same_members_give_the_same_bytes() -> None:
    assert write_archive(dict(MEMBERS)) == ARCHIVE
    with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.create_system for info in archive.infolist()} == {3}


def test_an_archive_by_another_tool_is_read() -> None:
    assert read(foreign(list(MEMBERS.items()), zipfile.ZIP_STORED)) == MEMBERS


@given(content=st.dictionaries(st.sampled_from(list(LIMITS)), st.binary(max_size=1000)))
def test_any_content_survives(content: dict[str, bytes]) -> None:
    members = MEMBERS | content

    assert read(write_archive(members)) == members


@pytest.mark.parametrize(
    "name",
    ["../a.json", "/a.json", "x/../a.json", "a.json/", "C:\\a.json", "..\\a.json", "A.JSON", ""],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    content = foreign([*MEMBERS.items(), (name, b"")])

    with pytest.raises(ArchiveError, match=r"found, allowed: a\.json, b\.bin, c\.html"):
        read(content)


def test_a_name_that_ends_early_for_some_is_refused() -> None:
    content = ARCHIVE.replace(b"a.json", b"a.j\0on")

    with pytest.raises(ArchiveError):
        read(content)


def test_an_extra_member_is_refused_by_name() -> None:
    with pytest.raises(ArchiveError, match=r"member 'run\.sh' found"):
        read(foreign([*MEMBERS.items(), ("run.sh", b"")]))


def test_a_missing_member_is_refused_by_name() -> None:
    with pytest.raises(ArchiveError, match=r"member 'b\.bin' is missing"):
        read(write_archive({"a.json": b""}))
    with pytest.raises(ArchiveError, match="is missing"):
        read(write_archive({}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_comes_twice_is_refused() -> None:
    with pytest.raises(ArchiveError, match=r"member 'a\.json' found 2 times"):
        read(foreign([*MEMBERS.items(), ("a.json", b"other")]))


def test_a_member_over_its_limit_is_refused() -> None:
    with pytest.raises(ArchiveError, match=r"'a\.json' has 1001 bytes, allowed: at most 1000"):
        read(write_archive(MEMBERS | {"a.json": bytes(1001)}))


def test_members_that_are_too_large_together_are_refused() -> None:
    large = write_archive(MEMBERS | {"b.bin": bytes(4000), "c.html": bytes(4000)})
    assert read(large)

    with pytest.raises(ArchiveError, match="together"):
        read_archive(large, LIMITS, REQUIRED, limit=8000)


@pytest.mark.parametrize("stated", [10, 999, 1000])
def test_a_zip_bomb_that_lies_about_its_size_is_refused_without_unpacking_it(stated: int) -> None:
    bomb = write_archive({"a.json": bytes(50_000_000), "b.bin": b""})
    assert len(bomb) < 60_000
    for header, offset in ((LOCAL, 22), (CENTRAL, 24)):
        bomb = patched(bomb, header, offset, struct.pack("<L", stated))

    tracemalloc.start()
    with pytest.raises(ArchiveError):
        read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2_000_000


def test_a_member_shorter_than_it_says_is_refused() -> None:
    content = ARCHIVE
    for header, offset in ((LOCAL, 22), (CENTRAL, 24)):
        content = patched(content, header, offset, struct.pack("<L", 170))

    with pytest.raises(ArchiveError):
        read(content)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_packing_method_is_refused(method: int) -> None:
    with pytest.raises(ArchiveError, match="method"):
        read(foreign(list(MEMBERS.items()), method))


def test_an_unknown_packing_method_is_refused() -> None:
    content = ARCHIVE
    for header, offset in ((LOCAL, 8), (CENTRAL, 10)):
        content = patched(content, header, offset, struct.pack("<H", 93))

    with pytest.raises(ArchiveError, match="method"):
        read(content)


def test_an_encrypted_member_is_refused() -> None:
    content = ARCHIVE
    for header, offset in ((LOCAL, 6), (CENTRAL, 8)):
        content = patched(content, header, offset, b"\x01")

    with pytest.raises(ArchiveError, match="encrypted"):
        read(content)


@pytest.mark.parametrize("where", ["before", "after", "between", "comment"])
def test_bytes_that_belong_to_no_member_are_refused(where: str) -> None:
    surplus = b"#!/bin/sh\n"
    directory = ARCHIVE.index(CENTRAL)
    if where == "before":
        content = surplus + ARCHIVE
    elif where == "after":
        content = ARCHIVE + surplus
    elif where == "between":
        end = list(END.unpack(ARCHIVE[-END.size :]))
        end[6] += len(surplus)
        moved = ARCHIVE[directory : -END.size] + END.pack(*end)
        content = ARCHIVE[:directory] + surplus + moved
    else:
        content = ARCHIVE[:-2] + struct.pack("<H", len(surplus)) + surplus

    with pytest.raises(ArchiveError, match="bytes found"):
        read(content)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all", bytes(100_000)])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(ArchiveError, match="damaged or truncated archive"):
        read(content)


def test_a_truncated_archive_is_refused_wherever_it_ends() -> None:
    for length in range(0, len(ARCHIVE), 7):
        with pytest.raises(ArchiveError):
            read(ARCHIVE[:length])


def test_any_single_changed_byte_is_noticed_or_changes_nothing() -> None:
    noise = np.random.default_rng(2)
    directory = ARCHIVE.index(CENTRAL)
    everywhere = [*range(0, directory, 5), *range(60), *range(directory, len(ARCHIVE))]
    for at in everywhere:
        content = bytearray(ARCHIVE)
        content[at] ^= int(noise.integers(1, 256))
        try:
            found = read(bytes(content))
        except ArchiveError:
            continue
        assert found == MEMBERS


@settings(max_examples=300)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(ARCHIVE) - 1), st.binary(min_size=1, max_size=4)),
        min_size=1,
        max_size=6,
    )
)
def test_any_damage_is_refused_or_changes_nothing(changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(ARCHIVE)
    for at, piece in changes:
        content[at : at + len(piece)] = piece
    try:
        found = read(bytes(content))
    except ArchiveError:
        return
    assert found == MEMBERS


def test_a_name_in_no_encoding_is_refused() -> None:
    content = ARCHIVE
    for header, flags, name in ((LOCAL, 6, 30), (CENTRAL, 8, 46)):
        content = patched(content, header, flags, struct.pack("<H", 0x800))
        content = patched(content, header, name, b"\xff\xfe.js")

    with pytest.raises(ArchiveError, match="damaged"):
        read(content)
