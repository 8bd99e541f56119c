"""What became of every window and every message, per asset and since installation.

The counts are committed in the same transaction as the messages they speak of, so that they are
exact whatever ends the agent:

    windows:   sampled = scored + not scored, by reason
               scored = sum over the models: each by exactly one
    messages:  queued = acknowledged + refused + evicted + expired + lost + pending, by kind
"""

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Self

import msgspec

from edge_agent.daemon.topics import Kind

EARLIER = "earlier"
MODELS_NAMED = 5


class WindowCounts(msgspec.Struct, kw_only=True):
    """Windows of one asset.

    Attributes:
        sampled: for which the sensor delivered samples.
        scored: that have a score.
        not_scored: the others by reason: those of a score message, ``error`` where scoring it
            raised. What a device lost because nobody read it in time was never sampled: the next
            window says ``gap``.
        models: the scored ones by what scored them, see LoadedBundle.model_id: the last five that
            did, the newest last; those before them together as ``earlier``.
    """

    sampled: int = 0
    scored: int = 0
    not_scored: dict[str, int] = msgspec.field(default_factory=dict)
    models: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, other: Self) -> None:
        """Add ``other`` to this."""
        self.sampled += other.sampled
        self.scored += other.scored
        for reason, windows in other.not_scored.items():
            self.not_scored[reason] = self.not_scored.get(reason, 0) + windows
        for model, windows in other.models.items():
            self.models[model] = self.models.pop(model, 0) + windows
        self._forget_models()

    def copy(self) -> "WindowCounts":
        """Return counts that may be changed without changing these."""
        new = copy(self)
        new.not_scored, new.models = self.not_scored.copy(), self.models.copy()
        return new

    def _forget_models(self) -> None:
        """Keep what is written with every window small, however often models change."""
        if len(self.models) <= MODELS_NAMED:
            return
        named = [model for model in self.models if model != EARLIER]
        for model in named[:-MODELS_NAMED]:
            self.models[EARLIER] = self.models.get(EARLIER, 0) + self.models.pop(model)


class MessageCounts(msgspec.Struct, kw_only=True):
    """Messages of one asset and kind.

    Attributes:
        queued: that were made.
        acknowledged: that the broker has.
        refused: that the broker did not accept, mostly by its access list.
        evicted: that had to make room.
        expired: that were not delivered within their time to live.
        lost: that waited in a database which became unusable.
        pending: that wait or are on their way.
    """

    queued: int = 0
    acknowledged: int = 0
    refused: int = 0
    evicted: int = 0
    expired: int = 0
    lost: int = 0
    pending: int = 0

    def add(self, other: Self) -> None:
        """Add ``other`` to this."""
        self.queued += other.queued
        self.acknowledged += other.acknowledged
        self.refused += other.refused
        self.evicted += other.evicted
        self.expired += other.expired
        self.lost += other.lost
        self.pending += other.pending


class AssetLedger(msgspec.Struct, kw_only=True):
    """Everything that is counted of one asset; or what is to be added to that."""

    asset: str
    windows: WindowCounts = msgspec.field(default_factory=WindowCounts)
    messages: dict[Kind, MessageCounts] = msgspec.field(default_factory=dict)

    def of(self, kind: Kind) -> MessageCounts:
        """Return the counts of one kind of message."""
        return self.messages.setdefault(kind, MessageCounts())

    def add(self, other: Self) -> None:
        """Add ``other`` to this."""
        self.windows.add(other.windows)
        for kind, counts in other.messages.items():
            self.of(kind).add(counts)

    def copy(self) -> "AssetLedger":
        """Return counts that may be changed without changing these."""
        messages = {kind: copy(counts) for kind, counts in self.messages.items()}
        return AssetLedger(asset=self.asset, windows=self.windows.copy(), messages=messages)


class LedgerSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All assets at one moment.

    Attributes:
        since: when counting began, RFC 3339.
        assets: every asset that was ever watched here.
    """

    since: str
    assets: tuple[AssetLedger, ...]

    def total(self) -> MessageCounts:
        """Messages of all assets and kinds."""
        total = MessageCounts()
        for asset in self.assets:
            for counts in asset.messages.values():
                total.add(counts)
        return total


class StoreState(msgspec.Struct, kw_only=True):
    """How the outbox is doing.

    Attributes:
        durable: what waits is on the disk; else it is in memory, because of ``problem``.
        problem: why the file cannot be used, or why the last one was set aside.
        set_aside: files that were found damaged in this run.
        bytes: what the messages take.
        max_bytes: what they may take.
    """

    durable: bool = False
    problem: str | None = None
    set_aside: int = 0
    bytes: int = 0
    max_bytes: int = 0


class Ledger:
    """The counts as last committed. Written by one thread, read by any."""

    def __init__(self) -> None:
        """Begin without assets."""
        self.since = ""
        self._assets: Mapping[str, AssetLedger] = {}

    def snapshot(self) -> LedgerSnapshot:
        """Return what is counted now. Its structs are shared: do not change them."""
        return LedgerSnapshot(since=self.since, assets=tuple(self._assets.values()))

    def begin(self, since: str, assets: Iterable[AssetLedger]) -> None:
        """Go on from what an earlier run counted."""
        self.since = since
        self._assets = {asset.asset: asset for asset in assets}

    def draft(self, delta: AssetLedger) -> AssetLedger:
        """Return what the asset's counts become by ``delta``; they do so by ``accept``."""
        known = self._assets.get(delta.asset)
        draft = AssetLedger(asset=delta.asset) if known is None else known.copy()
        draft.add(delta)
        return draft

    def accept(self, drafts: Iterable[AssetLedger]) -> None:
        """Let what was committed be what is counted."""
        # A new dictionary: whoever reads meanwhile has the old one, whole.
        self._assets = {**self._assets, **{draft.asset: draft for draft in drafts}}


def violations(snapshot: LedgerSnapshot) -> list[str]:
    """Return a sentence for each count that contradicts the others; none where all is well."""
    found = []
    for asset in snapshot.assets:
        windows = asset.windows
        explained = windows.scored + sum(windows.not_scored.values())
        if windows.sampled != explained:
            found.append(
                f"{asset.asset}: {windows.sampled} windows sampled, but {windows.scored} scored and"
                f" {explained - windows.scored} not scored for a reason"
            )
        by_models = sum(windows.models.values())
        if windows.scored != by_models:
            found.append(
                f"{asset.asset}: {windows.scored} windows scored, but {by_models} by its models"
            )
        outcomes = (*windows.not_scored.values(), *windows.models.values())
        if min(windows.sampled, windows.scored, *outcomes) < 0:
            found.append(f"{asset.asset}: a negative count of windows")
        for kind, counts in asset.messages.items():
            counted = msgspec.structs.asdict(counts)
            queued = counted.pop("queued")
            if queued != sum(counted.values()):
                parts = ", ".join(f"{count} {name}" for name, count in counted.items())
                found.append(f"{asset.asset}: {queued} {kind} messages queued, but {parts}")
            if min(queued, *counted.values()) < 0:
                found.append(f"{asset.asset}: a negative count of {kind} messages")
    return found
