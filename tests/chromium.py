"""How every test starts Chromium."""

import ctypes
import os
import shutil
from pathlib import Path
from typing import TypedDict

# certdb.h
_NSS_VALID_CA = 1 << 3
_NSS_TRUSTED_CA = 1 << 4


class Launch(TypedDict):
    """Options of Playwright's `launch`."""

    executable_path: str | None
    args: list[str]


LAUNCH: Launch = {
    # An installed Chromium first; elsewhere the one that `playwright install` brought.
    "executable_path": os.environ.get("CHROMIUM") or shutil.which("chromium"),
    # No sandbox, because CI runs as root; no background traffic, which a closed network refuses.
    "args": [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
}


def trusting(home: Path, certificate: bytes) -> dict[str, str]:
    """Make a home folder whose Chromium trusts one more authority, as a person would.

    Args:
        certificate: DER.
    Returns: the environment to start it with.
    """
    store = home / ".pki/nssdb"
    store.mkdir(parents=True)
    nss, smime = ctypes.CDLL("libnss3.so"), ctypes.CDLL("libsmime3.so")
    for function in (
        nss.PK11_GetInternalKeySlot,
        nss.CERT_GetDefaultCertDB,
        smime.CERT_DecodeCertFromPackage,
    ):
        function.restype = ctypes.c_void_p
    assert nss.NSS_InitReadWrite(f"sql:{store}".encode()) == 0
    slot = ctypes.c_void_p(nss.PK11_GetInternalKeySlot())
    assert nss.PK11_InitPin(slot, None, None) == 0
    decoded = ctypes.c_void_p(smime.CERT_DecodeCertFromPackage(certificate, len(certificate)))
    assert nss.PK11_ImportCert(slot, decoded, ctypes.c_ulong(0), b"authority", 0) == 0
    for_servers = (ctypes.c_uint * 3)(_NSS_VALID_CA | _NSS_TRUSTED_CA, 0, 0)
    database = ctypes.c_void_p(nss.CERT_GetDefaultCertDB())
    assert nss.CERT_ChangeCertTrust(database, decoded, for_servers) == 0
    nss.CERT_DestroyCertificate(decoded)
    nss.PK11_FreeSlot(slot)
    assert nss.NSS_Shutdown() == 0
    return {**os.environ, "HOME": str(home)}
