"""Brings what the home folder holds to the broker, as retained messages.

Targets come first, then the metadata that name them, then the index, the timestamp last: a gateway
that looks in between finds the old repository whole. What lies there already is not sent again, so
that an upload that was cut off goes on where it was.
"""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec
from tuf.api.metadata import TargetFile

from edge_agent.disk import DISK, write_durably
from edge_agent.rollout.mqtt import IN_FLIGHT, BrokerClient, BrokerError
from edge_agent.rollout.repository.chain import target_file
from edge_agent.rollout.repository.home import TIMESTAMP_FILE, Home, HomeError
from edge_agent.rollout.repository.roles import Roles
from edge_agent.rollout.topics import CHUNK_BYTES, Index, Stored, stored_name

CHUNK_BYTES_MIN = 1024
_KEPT_S = 10.0  # within which a broker returns what it has just acknowledged

Progress = Callable[[int], None]
"""Hears how many bytes of targets have been seen to."""


class Uploaded(msgspec.Struct, kw_only=True):
    """What an upload did.

    Attributes:
        sent: messages.
        sent_bytes: their payloads.
        there: messages that lay there already.
        deleted: messages that nobody needs any more.
    """

    sent: int = 0
    sent_bytes: int = 0
    there: int = 0
    deleted: int = 0


def upload(
    client: BrokerClient,
    home: Home,
    progress: Progress = lambda _: None,
    *,
    everything: bool = False,
) -> Uploaded:
    """Have the broker hold the repository as the home folder does.

    Args:
        client: connected.
        home: the operator's folder.
        progress: see Progress.
        everything: look at every chunk; else what the broker's index names counts as there.

    Raises:
        BrokerError: lost, refused, or the broker keeps nothing.
        HomeError, SettingsError: of the home folder; also where it is older than the broker.
    """
    return _Upload(client, home, progress).run(everything=everything)


def is_wiped(client: BrokerClient, home: Home) -> bool:
    """Say whether nothing was ever uploaded, or the broker has forgotten it.

    Raises:
        BrokerError: lost or refused.
        HomeError, SettingsError: of the home folder.
    """
    topics = home.topics()
    return topics.index not in client.collect(topics.index, topics.fence)


def restore(client: BrokerClient, home: Home, progress: Progress = lambda _: None) -> Uploaded:
    """Have the broker hold everything: the repository, the desires, the rollouts.

    Raises:
        BrokerError, HomeError, SettingsError: as ``upload``.
    """
    done = upload(client, home, progress, everything=True)
    kept = sorted(kept_messages(home).items())
    there: dict[str, bytes] = {}
    for pattern in {topic.rpartition("/")[0] + "/+" for topic, _ in kept}:
        there |= client.collect(pattern, home.topics().fence)
    for first in range(0, len(kept), IN_FLIGHT):
        # What a controller has sent in between has another content now, or none.
        with home.turn():
            for topic, file in kept[first : first + IN_FLIGHT]:
                with contextlib.suppress(FileNotFoundError):
                    _send(client, done, topic, file.read_bytes(), there)
            client.flush()
    return done


def keep_and_publish(client: BrokerClient, home: Home, topic: str, payload: bytes) -> None:
    """Keep a retained message in the home folder, so that it can be restored, and send it.

    Args:
        client: connected; its ``flush`` says that the message has arrived.
        home: the operator's folder.
        topic: below the root, such as ``edge/v1/desired/gw-1``.
        payload: nothing: the message is taken away.

    Raises:
        BrokerError: lost, or too long for the broker.
        HomeError, OSError: of the home folder.
    """
    root = home.topics().root
    name = topic.removeprefix(f"{root}/")
    if name == topic or "/" not in name:
        raise HomeError(f"topic {topic}: allowed: two levels or more below {root}")
    file = home.retained / quote(name, safe="")
    with home.turn():
        if payload:
            write_durably(file, payload)
        client.publish(topic, payload)
        if not payload and file.exists():
            file.unlink()
            DISK.sync(home.retained)


def kept_messages(home: Home) -> dict[str, Path]:
    """Return where ``keep_and_publish`` has kept what, by topic. Raises HomeError."""
    root = home.topics().root
    return {f"{root}/{unquote(file.name)}": file for file in home.retained.glob("[!.]*")}


class _Upload:
    def __init__(self, client: BrokerClient, home: Home, progress: Progress) -> None:
        self._client = client
        self._home = home
        self._progress = progress
        self._topics = home.topics()
        self._roles = Roles(home.metadata)
        self._done = Uploaded()

    def run(self, *, everything: bool) -> Uploaded:
        topics, client = self._topics, self._client
        self._roles.confirm()
        there = client.collect(topics.metadata("+"), topics.fence)
        if self._roles.is_older_than(there.get(topics.metadata(TIMESTAMP_FILE), b"")):
            raise HomeError(
                f"{self._home.folder}: the broker has newer metadata signed by the same keys:"
                " this is an old copy of the folder, or one of two that are in use"
            )
        old = self._old_index()
        targets = {
            name: self._target(name, target, old.targets.get(name), everything=everything)
            for target in self._roles.targets().signed.targets.values()
            for name in [stored_name(target.path, target.hashes["sha256"])]
        }
        client.flush()
        files = {name: path.read_bytes() for name, path in self._roles.files().items()}
        for name, content in files.items():
            if name != TIMESTAMP_FILE:
                self._send(topics.metadata(name), content, there)
        client.flush()
        sizes = {name: len(content) for name, content in files.items()}
        index = msgspec.json.encode(Index(metadata=sizes, targets=targets), order="sorted")
        self._send(topics.index, index, client.collect(topics.index, topics.fence))
        client.flush()
        timestamp = topics.metadata(TIMESTAMP_FILE)
        self._send(timestamp, files[TIMESTAMP_FILE], there)
        client.flush()
        self._see_kept({topics.metadata(name): content for name, content in files.items()})
        for topic in set(there) - {topics.metadata(name) for name in files}:
            self._delete(topic)
        self._forget(old.targets, targets, everything=everything)
        client.flush()
        return self._done

    def _see_kept(self, messages: Mapping[str, bytes]) -> None:
        """See that all is there: in MQTT 3.1.1 a broker drops what it does not like in silence."""
        found = self._client.collect(self._topics.metadata("+"), self._topics.fence)
        for topic, payload in messages.items():
            # Asked for alone, it may come as late as it likes.
            if found.get(topic) != payload and self._client.fetch(topic, _KEPT_S) != payload:
                raise BrokerError(
                    f"{topic}: {len(payload)} bytes: the broker does not keep what is sent to it"
                )

    def _old_index(self) -> Index:
        topic = self._topics.index
        found = self._client.collect(topic, self._topics.fence).get(topic, b"")
        try:
            return msgspec.json.decode(found, type=Index)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Index(metadata={}, targets={})

    def _target(
        self, name: str, target: TargetFile, old: Stored | None, *, everything: bool
    ) -> Stored:
        """Send the chunks of one target that are not there, and return how it is stored."""
        topics, length = self._topics, target.length
        size = self._chunk_bytes(name, length)
        if old is not None and old.length == length and 0 < old.chunk_bytes <= size:
            size = old.chunk_bytes
        stored = Stored(length=length, chunks=max(1, -(-length // size)), chunk_bytes=size)
        if stored == old and not everything:
            self._done.there += stored.chunks
            self._progress(length)
            return stored
        content = target_file(self._home, target).read_bytes()
        there = self._client.collect(topics.chunks(name), topics.fence)
        for number in range(stored.chunks):
            chunk = content[number * size : (number + 1) * size]
            self._send(topics.chunk(name, number), chunk, there)
            self._progress(len(chunk))
        wanted = {topics.chunk(name, number) for number in range(stored.chunks)}
        for topic in set(there) - wanted:
            self._delete(topic)
        return stored

    def _chunk_bytes(self, name: str, length: int) -> int:
        topic = self._topics.chunk(name, max(1, length // CHUNK_BYTES_MIN))
        most = self._client.payload_bytes_max(topic)
        size = CHUNK_BYTES if most is None else min(CHUNK_BYTES, most)
        if size < CHUNK_BYTES_MIN:
            raise BrokerError(
                f"the broker takes packets of {self._client.packet_bytes_max} bytes at most,"
                f" needed: {CHUNK_BYTES_MIN} and their topic"
            )
        return size

    def _forget(
        self, old: Mapping[str, Stored], new: Mapping[str, Stored], *, everything: bool
    ) -> None:
        """Delete the chunks of what is no target any more."""
        topics = self._topics
        gone = set(old) - set(new)
        if everything:
            # Chunk 0 is the first to come and the last to go: nothing is left without it.
            first = self._client.collect(topics.chunk("+", 0), topics.fence)
            gone |= {topic.split("/")[-2] for topic in first} - set(new)
        for name in gone:
            there = self._client.collect(topics.chunks(name), topics.fence)
            for topic in sorted(there, key=lambda topic: -int(topic.rpartition("/")[2])):
                self._delete(topic)

    def _send(self, topic: str, payload: bytes, there: Mapping[str, bytes]) -> None:
        _send(self._client, self._done, topic, payload, there)

    def _delete(self, topic: str) -> None:
        self._client.publish(topic, b"")
        self._done.deleted += 1


def _send(
    client: BrokerClient, done: Uploaded, topic: str, payload: bytes, there: Mapping[str, bytes]
) -> None:
    if there.get(topic) == payload:
        done.there += 1
        return
    client.publish(topic, payload)
    done.sent += 1
    done.sent_bytes += len(payload)
