"""The gateway's signature under its reports."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, SSlibKey

from edge_agent.rollout.child import do_order
from edge_agent.rollout.enrolment import KEY_FILE, Enrolment, EnrolmentError, read_enrolment
from edge_agent.rollout.envelope import seal
from edge_agent.rollout.install.orders import Sign, Signed
from edge_agent.rollout.messages import REPORT_TYPE, Report


def read_signer(folder: Path, enrolment: Enrolment) -> CryptoSigner:
    """Return what signs with the gateway's key.

    Raises:
        EnrolmentError: the key cannot be read, or is not the one that was enrolled.
    """
    file = folder / KEY_FILE
    try:
        private = load_pem_private_key(file.read_bytes(), None)
        found = SSlibKey.from_crypto(private.public_key())
        public = SSlibKey.from_dict(enrolment.key_id, dict(enrolment.public_key))
        if found.keyval != public.keyval:
            raise EnrolmentError(f"{file}: not the key that was enrolled")
        return CryptoSigner(private, public)
    except (OSError, ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        raise EnrolmentError(f"{file}: no private key of ours: {error}") from error


def sign_report(report: Report, signer: CryptoSigner) -> bytes:
    """Return ``report`` in its envelope."""
    return seal(report, REPORT_TYPE, [signer])


def sign(order: Sign) -> Signed:
    """Sign a report, or say why that cannot be."""
    folder = Path(order.enrolment)
    try:
        signer = read_signer(folder, read_enrolment(folder, order.gateway))
    except EnrolmentError as error:
        return Signed(refused=str(error))
    return Signed(report=sign_report(order.report, signer))


if __name__ == "__main__":
    do_order(Sign, sign)
