"""Where metadata and targets come from: retained messages, a folder, or a web server.

Nothing is believed here; python-tuf checks lengths, digests and signatures of what is returned.
A broker may withhold, lie or trickle, and gains a refusal by it: all there is to watch is time,
and that nothing without end is taken in.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

from edge_agent.rollout.mqtt import BrokerClient, BrokerError
from edge_agent.rollout.topics import Index, RolloutTopics, stored_name

METADATA = "metadata/"
TARGETS = "targets/"
_INDEX_BYTES_MAX = 4 << 20
_MISSING = 404
_READ_BYTES = 65_536
_ANSWER_S = 30.0  # within which a retained message must come


class Deadline:
    """By when all must be done."""

    def __init__(self, timeout_s: float) -> None:
        """Begin now."""
        self._timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """Return the seconds that are left. Raises SlowRetrievalError where none are."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise SlowRetrievalError(f"not done in {self._timeout_s:g} s")
        return left_s


class RetainedFetcher(FetcherInterface):
    """Reads a repository from retained messages; see ``rollout.topics``."""

    def __init__(self, client: BrokerClient, root: str, deadline: Deadline) -> None:
        """Read what lies below ``root`` with a connected ``client``."""
        self._client = client
        self._topics = RolloutTopics(root)
        self._deadline = deadline
        self._index: Index | None = None

    def _fetch(self, url: str) -> Iterator[bytes]:
        if url.startswith(METADATA):
            return self._metadata(url.removeprefix(METADATA))
        return self._target(url.removeprefix(TARGETS))

    def _metadata(self, file: str) -> Iterator[bytes]:
        if file not in self._known().metadata and not file.endswith(".root.json"):
            self._index = None  # read before an upload, and the timestamp after it
        if file not in self._known().metadata:
            raise DownloadHTTPError(f"{file} is not among what is published", _MISSING)
        return iter([self._retained(self._topics.metadata(file))])

    def _target(self, path: str) -> Iterator[bytes]:
        folder, _, last = path.rpartition("/")
        sha256, _, name = last.partition(".")
        file = stored_name(f"{folder}/{name}", sha256)
        stored = self._known().targets.get(file)
        if stored is None:
            raise DownloadHTTPError(f"{file} is not among what is published", _MISSING)
        return self._chunks(file, stored.chunks)

    def _chunks(self, file: str, chunks: int) -> Iterator[bytes]:
        for number in range(chunks):
            chunk = self._retained(self._topics.chunk(file, number))
            if not chunk:
                raise DownloadError(f"chunk {number} of {file} is empty, allowed: 1 byte or more")
            yield chunk

    def _known(self) -> Index:
        if self._index is None:
            content = self._retained(self._topics.index)
            if len(content) > _INDEX_BYTES_MAX:
                raise DownloadError(f"index of {len(content)} bytes, allowed: {_INDEX_BYTES_MAX}")
            try:
                self._index = msgspec.json.decode(content, type=Index)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise DownloadError(f"index: {error}") from error
        return self._index

    def _retained(self, topic: str) -> bytes:
        wait_s = min(_ANSWER_S, self._deadline.left_s())
        try:
            content = self._client.fetch(topic, wait_s)
        except BrokerError as error:
            raise DownloadError(str(error)) from error
        if content is None:
            self._deadline.left_s()
            raise SlowRetrievalError(f"{topic}: nothing came in {wait_s:g} s")
        return content


class FolderFetcher(FetcherInterface):
    """Reads an exported repository, as from a USB stick."""

    def __init__(self, folder: Path, deadline: Deadline) -> None:
        """Read below ``folder``, which holds ``metadata`` and ``targets``."""
        self._folder = folder
        self._deadline = deadline

    def _fetch(self, url: str) -> Iterator[bytes]:
        file = self._folder / url
        if not file.resolve().is_relative_to(self._folder.resolve()):
            raise DownloadError(f"{url} leads out of {self._folder}")
        try:
            opened = file.open("rb")
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{file} is not there", _MISSING) from error
        with opened:
            while chunk := opened.read(_READ_BYTES):
                self._deadline.left_s()
                yield chunk


class WebFetcher(FetcherInterface):
    """Reads from a web server as python-tuf does, until a deadline."""

    def __init__(self, url: str, deadline: Deadline) -> None:
        """Read below ``url``."""
        self._url = url.rstrip("/")
        self._deadline = deadline
        self._web: Any = Urllib3Fetcher(socket_timeout=int(_ANSWER_S), chunk_size=_READ_BYTES)

    def _fetch(self, url: str) -> Iterator[bytes]:
        self._deadline.left_s()
        return self._in_time(self._web.fetch(f"{self._url}/{url}"))

    def _in_time(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._deadline.left_s()
            yield chunk
