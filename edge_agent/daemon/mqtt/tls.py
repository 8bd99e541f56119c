"""Encryption to the broker; imported only where it is asked for, as OpenSSL takes memory."""

import ssl

from edge_agent.daemon.config.settings import Mqtt


class TlsError(Exception):
    """A certificate or key cannot be used.

    Attributes:
        key: of the configuration.
        found: what is wrong with the file.
    """

    def __init__(self, key: str, found: str) -> None:
        """``found`` is for people."""
        super().__init__(f"{key}: {found}")
        self.key = key
        self.found = found


class _Socket(ssl.SSLSocket):
    """Closes itself where the broker cannot be trusted: nobody else would."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as inherited
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(settings: Mqtt) -> ssl.SSLContext:
    """Return a context that verifies the broker's certificate and its name.

    Raises:
        TlsError: a certificate or key is none.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise TlsError("mqtt.ca_file", f"{settings.ca_file}, no certificates: {error}") from error
    context.sslsocket_class = _Socket
    if settings.cert_file is not None:
        try:
            # A passphrase would be asked for on a terminal that is not there.
            context.load_cert_chain(settings.cert_file, settings.key_file, password="")
        except OSError as error:
            found = f"{settings.cert_file} and {settings.key_file}, no pair: {error}"
            raise TlsError("mqtt.cert_file", found) from error
    return context
