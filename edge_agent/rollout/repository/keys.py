"""Private keys: PKCS 8 files, each encrypted with a passphrase, readable by their owner alone."""

from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from edge_agent.disk import PRIVATE, write_durably

Passphrase = Callable[[str], str]
"""Returns the passphrase of the key by this name; asks for it where it must."""

SUFFIX = ".pem"
# PKCS 8 as the library writes it slows a guesser down by 2048 rounds only: length must do the rest.
PASSPHRASE_MIN = 12
# In the root metadata each key says by this field which file holds its other half.
NAME_FIELD = "x-edge-agent-name"


class KeyFileError(Exception):
    """A private key cannot be used; the message names the file, never what is in it."""


def create_key(file: Path, name: str, passphrase: str) -> CryptoSigner:
    """Make a new ed25519 key and keep it in ``file``.

    Args:
        file: to write.
        name: of the key; the public half carries it.
        passphrase: that ``file`` is encrypted with.

    Raises:
        KeyFileError: the passphrase is too short.
        OSError: the file cannot be written.
    """
    if len(passphrase) < PASSPHRASE_MIN:
        raise KeyFileError(
            f"{file}: a passphrase of {len(passphrase)} characters, allowed: {PASSPHRASE_MIN} or"
            " more"
        )
    private = Ed25519PrivateKey.generate()
    content = private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
    )
    write_durably(file, content, PRIVATE)
    return _named(CryptoSigner(private), name)


def load_key(file: Path, name: str, passphrase: str) -> CryptoSigner:
    """Return the key in ``file``.

    Raises:
        KeyFileError: not readable, another passphrase, or no ed25519 key.
    """
    try:
        private = load_pem_private_key(file.read_bytes(), passphrase.encode())
    except OSError as error:
        raise KeyFileError(f"{file}: cannot be read: {error.strerror}") from error
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{file}: not opened by this passphrase, or no private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError(f"{file}: {type(private).__name__}, allowed: an ed25519 key")
    return _named(CryptoSigner(private), name)


def _named(signer: CryptoSigner, name: str) -> CryptoSigner:
    signer.public_key.unrecognized_fields[NAME_FIELD] = name
    return signer
