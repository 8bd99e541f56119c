"""What a gateway was given before it was sent out: whom it trusts, and what it signs with.

A folder, written by ``edge-rollout enroll`` and read by the agent:

    enrolment.json   see Enrolment
    root.json        the first root metadata of the repository; nothing is trusted on first use
    gateway.pem      the gateway's private key, PKCS 8
    broker-ca.pem    certificates of the broker, where it needs some
    broker-password  password for the broker, where there is one

Key and password are readable by the agent alone: by their owner, or by the group as well.
"""

import contextlib
import hashlib
import stat
from pathlib import Path

import msgspec

from edge_agent.bundle import identity_problem
from edge_agent.rollout.messages import Moment, Name, Sha256

FILE = "enrolment.json"
ROOT_FILE = "root.json"
KEY_FILE = "gateway.pem"
CA_FILE = "broker-ca.pem"
PASSWORD_FILE = "broker-password"  # noqa: S105 - the name of a file


class EnrolmentError(Exception):
    """A folder is no enrolment; the message names the file, what was found and what is allowed."""


class Enrolment(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/enrolment/1"
):
    """Who a gateway is, and whom it trusts.

    Attributes:
        gateway: its name.
        root_sha256: of ``root.json``: its fingerprint, as the operator reads it out.
        key_id: of the gateway's key.
        public_key: of the gateway, as the metadata spell it.
        enrolled: when; no metadata that had expired by then are believed, whatever the clock says.
        floors: lowest version of each line that may be installed.
    """

    gateway: Name
    root_sha256: Sha256
    key_id: str
    public_key: dict[str, object]
    enrolled: Moment
    floors: dict[Name, str] = {}


def exposed_secrets(folder: Path) -> str | None:
    """Say which secrets in ``folder`` are open to every user of this machine; None: none is.

    A group may read them: that is how root keeps what an agent of another user is to use.
    """
    found = []
    for name in (KEY_FILE, PASSWORD_FILE):
        with contextlib.suppress(OSError):  # not there, or not for us to say
            mode = stat.S_IMODE((folder / name).stat().st_mode)
            if mode & stat.S_IRWXO:
                found.append(f"{folder / name} with mode {mode:04o}, open to every user")
    return "; ".join(found) or None


def read_enrolment(folder: Path, gateway: str) -> Enrolment:
    """Return the enrolment of ``gateway`` in ``folder``.

    Raises:
        EnrolmentError: a file is missing or damaged, it is another gateway's, a floor is no
            version, or the root is not the one whose fingerprint it names.
    """
    file = folder / FILE
    try:
        enrolment = msgspec.json.decode(file.read_bytes(), type=Enrolment)
        root = (folder / ROOT_FILE).read_bytes()
        (folder / KEY_FILE).stat()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EnrolmentError(f"{file}: no enrolment: {error}") from error
    if enrolment.gateway != gateway:
        raise EnrolmentError(f"{file}: enrolment of {enrolment.gateway}, allowed: of {gateway}")
    for line, floor in enrolment.floors.items():
        problem = identity_problem(line, floor)
        if problem is not None:
            raise EnrolmentError(f"{file}: floors: {line}: {problem}")
    found = hashlib.sha256(root).hexdigest()
    if found != enrolment.root_sha256:
        raise EnrolmentError(
            f"{folder / ROOT_FILE}: fingerprint {found[:16]}, allowed: {enrolment.root_sha256[:16]}"
        )
    return enrolment
