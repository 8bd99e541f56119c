"""Who belongs to the fleet, with which key and in which groups: signed by the operator.

What a gateway says of itself decides nothing: neither which groups it is in nor whose it is.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from securesystemslib.signer import Key, Signer

from edge_agent.disk import write_durably
from edge_agent.rollout.envelope import EnvelopeError, keys_of, seal, unseal
from edge_agent.rollout.messages import Count, Moment, Name

INVENTORY_TYPE = "application/vnd.edge-agent.inventory+json"
BYTES_MAX = 256_000_000  # 100,000 gateways are 60 MB
_SELECTORS = ("group", "gateway")


class InventoryError(Exception):
    """The inventory cannot be used or changed so; the message says why."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway.

    Attributes:
        groups: that it is in.
        key_id: of its key.
        public_key: as the metadata spell it.
        enrolled: when.
    """

    groups: tuple[Name, ...]
    key_id: str
    public_key: dict[str, object]
    enrolled: Moment

    def key(self) -> Key:
        """Return what its reports are verified with. Raises EnvelopeError."""
        return keys_of({self.key_id: self.public_key})[0]


class Inventory(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/inventory/1"
):
    """The fleet.

    Attributes:
        version: one up with each change.
        gateways: by name.
    """

    version: Count = 0
    gateways: dict[Name, Member] = {}

    def select(self, selectors: Iterable[str]) -> set[str]:
        """Return the gateways that any of ``selectors`` means.

        Args:
            selectors: ``all``, ``group=NAME`` or ``gateway=NAME``.

        Raises:
            InventoryError: something else, or one that means nobody.
        """
        meant: set[str] = set()
        for selector in selectors:
            kind, _, name = selector.partition("=")
            if selector != "all" and (kind not in _SELECTORS or not name):
                raise InventoryError(
                    f"to: found {selector!r}; allowed: all, group=NAME or gateway=NAME"
                )
            found = {
                gateway
                for gateway, member in self.gateways.items()
                if selector == "all"
                or (kind == "gateway" and gateway == name)
                or (kind == "group" and name in member.groups)
            }
            if not found:
                raise InventoryError(f"to: {selector} means no gateway of the inventory")
            meant |= found
        return meant


def read_inventory(file: Path, keys: Sequence[Key], threshold: int) -> Inventory:
    """Return the inventory in ``file``; an empty one where there is none.

    Raises:
        InventoryError: not ``threshold`` of ``keys`` signed it, or it cannot be read.
    """
    try:
        content = file.read_bytes()
        return unseal(content, INVENTORY_TYPE, Inventory, keys, threshold, bytes_max=BYTES_MAX)
    except FileNotFoundError:
        return Inventory()
    except (OSError, EnvelopeError) as error:
        raise InventoryError(f"{file}: {error}") from error


def write_inventory(file: Path, inventory: Inventory, signers: Iterable[Signer]) -> None:
    """Sign the inventory and put it into ``file``. Raises OSError."""
    write_durably(file, seal(inventory, INVENTORY_TYPE, signers))
