"""The keys of the home folder, by the names that the root metadata give them."""

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Root

from edge_agent.disk import DISK
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.keys import (
    NAME_FIELD,
    SUFFIX,
    KeyFileError,
    Passphrase,
    create_key,
    load_key,
)

ROOT = "root"
ONLINE = "online"
_NEW = ".new"


def name_of(key: Key) -> str:
    """Return the name of a public key; its id where the metadata give it none."""
    return str(key.unrecognized_fields.get(NAME_FIELD, key.keyid))


def names_of(purpose: str, n: int) -> list[str]:
    """Return the names of ``n`` keys of the root or of the online ones.

    >>> names_of("root", 2), names_of("online", 1), names_of("online", 2)
    (['root-1', 'root-2'], ['online'], ['online-1', 'online-2'])
    """
    if purpose == ONLINE and n == 1:
        return [ONLINE]
    return [f"{purpose}-{i}" for i in range(1, n + 1)]


class Signers:
    """Opens private keys when they are needed, each once."""

    def __init__(self, home: Home, passphrase: Passphrase) -> None:
        """Take the keys of ``home``, and ``passphrase(name)`` to open them."""
        self._folder = home.keys
        self._passphrase = passphrase
        self._opened: dict[str, CryptoSigner] = {}

    def create(self, name: str) -> CryptoSigner:
        """Make a key that takes the place of key ``name`` once ``adopt`` says so.

        Raises:
            KeyFileError: the passphrase is too short.
            OSError: its file cannot be written.
        """
        signer = create_key(self._folder / f"{name}{SUFFIX}{_NEW}", name, self._passphrase(name))
        self._opened[signer.public_key.keyid] = signer
        return signer

    def adopt(self, name: str) -> None:
        """Have the new key ``name`` replace the old one, which is gone then. Raises OSError."""
        new = self._folder / f"{name}{SUFFIX}{_NEW}"
        DISK.rename(new, new.with_suffix(""))
        DISK.sync(self._folder)

    def of(self, root: Root, role: str, *, avoid: str = "") -> list[CryptoSigner]:
        """Return as many signers of a role as it needs: a key that is not here is passed over.

        Args:
            root: who the signers are.
            role: for which.
            avoid: id of a key that is asked last.

        Raises:
            KeyFileError: too few; the message says why of each.
        """
        wanted = root.roles[role]
        found: list[CryptoSigner] = []
        problems = []
        for keyid in sorted(wanted.keyids, key=lambda keyid: keyid == avoid):
            if len(found) == wanted.threshold:
                break
            try:
                found.append(self._open(root.keys[keyid]))
            except KeyFileError as error:
                problems.append(str(error))
        if len(found) < wanted.threshold:
            raise KeyFileError(
                f"{role}: {len(found)} of its {len(wanted.keyids)} keys can be used, needed:"
                f" {wanted.threshold}: {'; '.join(sorted(problems))}"
            )
        return found

    def _open(self, key: Key) -> CryptoSigner:
        signer = self._opened.get(key.keyid)
        if signer is None:
            signer = self._opened[key.keyid] = self._load(key)
        return signer

    def _load(self, key: Key) -> CryptoSigner:
        name = name_of(key)
        file = self._folder / f"{name}{SUFFIX}"
        new = file.with_name(f"{file.name}{_NEW}")
        if new.exists():  # a rotation was cut off; the metadata say which of the two it is
            signer = load_key(new, name, self._passphrase(name))
            if signer.public_key.keyid == key.keyid:
                self.adopt(name)
                return signer
        signer = load_key(file, name, self._passphrase(name))
        if signer.public_key.keyid != key.keyid:
            raise KeyFileError(
                f"{file}: key {signer.public_key.keyid[:12]}, allowed: {key.keyid[:12]}, as in the"
                " root metadata"
            )
        return signer
