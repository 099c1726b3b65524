"""Ending TLS in front of the workers: 1.2 and 1.3, ECDHE and authenticated ciphers (S-59)."""

import ssl

from lb.settings import ServiceSettings, SettingsError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all of this kind


def make_context(service: ServiceSettings) -> ssl.SSLContext | None:
    """Read certificate and key; None when the service has none.

    Raises: SettingsError
    """
    if not service.certificate_file:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if service.protocol == "http":
        context.set_alpn_protocols(["http/1.1"])
    files = f"certificate_file = {service.certificate_file!r}, key_file = {service.key_file!r}"
    try:
        # Without a password of ours, one would be asked for on the terminal.
        context.load_cert_chain(service.certificate_file, service.key_file, password="")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else None
        words = reason or "not a certificate chain and its key without a password"
        raise SettingsError(f"service {service.name}: {files}: {words}.") from error
    return context
