"""Where the repository, the desires and the reports lie on the broker; all retained.

{root}/repo/index                 what there is, see Index; only a hint: nothing is believed
                                  that the metadata do not confirm
{root}/repo/metadata/{file}       one TUF metadata file
{root}/repo/targets/{file}/{n}    chunk n, from 0, of one target, ``{sha256}.{name}``
{root}/repo/fence                 not retained: where the operator hears that it has read to the end
{root}/desired/{gateway}          a Desire in its envelope
{root}/{gateway}/update           a Report in its envelope
{root}/rollouts/{id}              plan, state and controller of a rollout, in an envelope
{root}/rollouts/{id}/{n}          part n, from 0, of its gateways, in an envelope
{root}/rollouts/{id}/left         not retained: a controller makes way for another one
"""

from dataclasses import dataclass
from urllib.parse import quote

import msgspec

CHUNK_BYTES = 65_536


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One target on the broker.

    Attributes:
        length: of the target, bytes.
        chunks: in how many it lies there.
        chunk_bytes: length of each but the last; smaller where the broker takes no such packets.
    """

    length: int
    chunks: int
    chunk_bytes: int = CHUNK_BYTES


class Index(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/index/1"
):
    """What lies on the broker, so that a file that is not there need not be waited for.

    Attributes:
        metadata: length of each file, bytes.
        targets: by file, ``{sha256}.{name}`` with ``/`` of the target's path as ``~``.
    """

    metadata: dict[str, int]
    targets: dict[str, Stored]


@dataclass(frozen=True, slots=True)
class RolloutTopics:
    """The topics below one root."""

    root: str

    @property
    def index(self) -> str:
        """The repository's index."""
        return f"{self.root}/repo/index"

    def metadata(self, file: str) -> str:
        """One metadata file, such as ``3.targets.json``."""
        return f"{self.root}/repo/metadata/{file}"

    def chunk(self, file: str, number: int) -> str:
        """Chunk ``number`` of the target stored as ``file``."""
        return f"{self.root}/repo/targets/{file}/{number}"

    def chunks(self, file: str) -> str:
        """All chunks of the target stored as ``file``."""
        return f"{self.root}/repo/targets/{file}/+"

    @property
    def fence(self) -> str:
        """For the operator's own messages to itself, see BrokerClient.collect; never retained."""
        return f"{self.root}/repo/fence"

    def desired(self, gateway: str) -> str:
        """What ``gateway`` should run."""
        return f"{self.root}/desired/{gateway}"

    def update(self, gateway: str) -> str:
        """What ``gateway`` reports; ``+`` for all."""
        return f"{self.root}/{gateway}/update"

    def rollout(self, rollout: str) -> str:
        """Plan and state of one rollout; ``+`` for all."""
        return f"{self.root}/rollouts/{rollout}"

    def rollout_part(self, rollout: str, part: int) -> str:
        """Some of its gateways."""
        return f"{self.rollout(rollout)}/{part}"

    def left(self, rollout: str) -> str:
        """Where a controller says that it has made way for another one; not retained."""
        return f"{self.rollout(rollout)}/left"


def stored_name(target: str, sha256: str) -> str:
    """Return how a target is stored: TUF puts the digest before the last part of its path.

    >>> stored_name("press/press-1.4.0+b7.edgemodel", "ab")
    'press~ab.press-1.4.0%2Bb7.edgemodel'
    """
    folder, _, name = target.rpartition("/")
    return "~".join(
        quote(part, safe="") for part in [*folder.split("/"), f"{sha256}.{name}"] if part
    )
