"""Signed envelopes (DSSE, github.com/secure-systems-lab/dsse) around messages."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key, Signer

Message = TypeVar("Message", bound=msgspec.Struct)


class EnvelopeError(Exception):
    """What is in an envelope cannot be believed; the message says why."""


def seal(message: msgspec.Struct, payload_type: str, signers: Iterable[Signer]) -> bytes:
    """Return ``message`` as JSON in an envelope with the signature of each of ``signers``."""
    envelope = Envelope(msgspec.json.encode(message, order="sorted"), payload_type, {})
    for signer in signers:
        envelope.sign(signer)
    return msgspec.json.encode(envelope.to_dict())


def unseal(
    content: bytes,
    payload_type: str,
    kind: type[Message],
    keys: Iterable[Key],
    threshold: int = 1,
    *,
    bytes_max: int = 65_536,
) -> Message:
    """Return the message in an envelope that ``threshold`` of ``keys`` have signed.

    Args:
        content: the envelope.
        payload_type: what must be in it: a signature for one purpose means nothing for another.
        kind: of the message.
        keys: whose signatures count.
        threshold: how many of them are needed.
        bytes_max: of the envelope.

    Raises:
        EnvelopeError: too long, no envelope, of another type, signed by too few, or not a ``kind``.
    """
    if len(content) > bytes_max:
        raise EnvelopeError(f"{len(content)} bytes, allowed: {bytes_max}")
    envelope = _open(content)
    if envelope.payload_type != payload_type:
        raise EnvelopeError(f"payload type {envelope.payload_type!r}, allowed: {payload_type!r}")
    _verify(envelope, list(keys), threshold)
    try:
        return msgspec.json.decode(envelope.payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeError(f"no {kind.__name__.lower()}: {error}") from error


def countersign(
    content: bytes, keys: Iterable[Key], threshold: int, signers: Iterable[Signer]
) -> bytes:
    """Return an envelope with more signatures, so that it outlives the keys it has been signed by.

    Args:
        content: the envelope.
        keys: of whom ``threshold`` must have signed it.
        threshold: see ``keys``.
        signers: who sign it now.

    Raises:
        EnvelopeError: no envelope, or signed by too few: nobody's word is made ours.
    """
    envelope = _open(content)
    _verify(envelope, list(keys), threshold)
    for signer in signers:
        envelope.sign(signer)
    return msgspec.json.encode(envelope.to_dict())


def keys_of(described: Mapping[str, Mapping[str, object]]) -> list[Key]:
    """Return public keys from how the metadata spell them, by key id.

    Raises:
        EnvelopeError: one of them is no key.
    """
    try:
        return [Key.from_dict(keyid, dict(key)) for keyid, key in described.items()]
    except (KeyError, TypeError, ValueError) as error:
        raise EnvelopeError(f"no public key: {error}") from error


def _open(content: bytes) -> Envelope:
    try:
        return Envelope.from_dict(msgspec.json.decode(content, type=dict))
    except Exception as error:  # the library raises what it comes upon
        raise EnvelopeError(f"no envelope: {type(error).__name__}: {error}") from error


def _verify(envelope: Envelope, trusted: list[Key], threshold: int) -> None:
    try:
        envelope.verify(trusted, threshold)
    except (VerificationError, ValueError) as error:
        # Anybody can have written them: nothing that a log or a terminal acts on.
        named = sorted(ascii(keyid[:12]).strip("'") for keyid in envelope.signatures)
        signers = ", ".join(named) or "nobody"
        allowed = ", ".join(sorted(key.keyid[:12] for key in trusted)) or "nobody's"
        raise EnvelopeError(
            f"signed by {signers}, allowed: {threshold} valid of {allowed}"
        ) from error
