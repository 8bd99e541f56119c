from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from operators import PASSPHRASE

from edge_agent.rollout.repository.keys import KeyFileError, create_key, load_key


def test_a_key_comes_back_with_its_passphrase_and_signs_what_its_other_half_verifies(
    tmp_path: Path,
) -> None:
    file = tmp_path / "keys" / "root-1.pem"
    public = create_key(file, "root-1", PASSPHRASE).public_key
    signer = load_key(file, "root-1", PASSPHRASE)
    assert signer.public_key == public
    public.verify_signature(signer.sign(b"metadata"), b"metadata")


def test_the_file_is_its_owners_alone_and_holds_nothing_readable(tmp_path: Path) -> None:
    file = tmp_path / "root-1.pem"
    create_key(file, "root-1", PASSPHRASE)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_another_passphrase_opens_nothing(tmp_path: Path) -> None:
    file = tmp_path / "root-1.pem"
    create_key(file, "root-1", PASSPHRASE)
    with pytest.raises(KeyFileError, match="not opened by this passphrase"):
        load_key(file, "root-1", PASSPHRASE + "!")


def test_a_short_passphrase_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="11 characters, allowed: 12 or more"):
        create_key(tmp_path / "root-1.pem", "root-1", "elevenchars")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_key_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "root-1.pem"
    with pytest.raises(KeyFileError, match="No such file"):
        load_key(file, "root-1", PASSPHRASE)
    file.write_bytes(b"no key at all")
    with pytest.raises(KeyFileError, match="no private key"):
        load_key(file, "root-1", PASSPHRASE)
    other = generate_private_key(SECP256R1())
    encryption = BestAvailableEncryption(PASSPHRASE.encode())
    file.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    with pytest.raises(KeyFileError, match="allowed: an ed25519 key"):
        load_key(file, "root-1", PASSPHRASE)
