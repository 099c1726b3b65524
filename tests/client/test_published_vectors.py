"""Published test vectors, through our own wrappers, so that a wrapper used wrongly is noticed."""

from collections.abc import Iterator
from pathlib import Path

import cryptography_vectors
import pytest

from client.seal.errors import DecryptError, MalformedError
from client.seal.keys import AgreementKey, load_public_key, verify_ecdsa
from client.seal.password import PasswordParameters, argon2id
from client.seal.primitives import aead_open, aead_seal, hkdf

VECTORS = Path(cryptography_vectors.__file__).parent
Case = dict[str, str]


def cases(path: str, section: str = "") -> list[Case]:
    """Blocks of `name = value` lines in a NIST-style file, below `[section]` when one is named."""
    return [case for found, case in blocks(path) if found == section]


def blocks(path: str) -> Iterator[tuple[str, Case]]:
    section, case = "", Case()
    for line in [*(VECTORS / path).read_text(encoding="utf-8").splitlines(), "Count = end"]:
        name, found, value = (part.strip() for part in line.partition("="))
        if line.startswith("["):
            header = line.strip("[]\r")
            if case:
                yield section, case
            section, case = header if "=" not in header else section, {}
        elif found and name.lower() in ("count", "msg") and case:
            yield section, case
            case = {name: value}
        elif line.strip() == "FAIL":
            case["FAIL"] = "yes"
        elif found and not line.startswith("#"):
            case[name] = value


HKDF_CASES = cases("KDF/rfc-5869-HKDF-SHA256.txt")
ARGON_CASES = [c for c in cases("KDF/argon2id.txt") if "secret" not in c and "ad" not in c]
GCM_CASES = [
    case
    for case in cases("ciphers/AES/GCM/gcmDecrypt256.rsp")
    if len(case["IV"]) == 24 and len(case["Tag"]) == 32
]
ECDH_CASES = [
    case
    for side in ("init", "resp")
    for case in cases(
        f"asymmetric/ECDH/KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_{side}.fax", "EC - SHA256"
    )
]
ECDSA_CASES = cases("asymmetric/ECDSA/FIPS_186-3/SigVer.rsp", "P-256,SHA-256")


def test_the_files_hold_what_they_are_read_for() -> None:
    assert len(HKDF_CASES) == 3
    assert len(ARGON_CASES) >= 5
    assert len(GCM_CASES) > 300
    assert len(ECDH_CASES) == 60
    assert len(ECDSA_CASES) == 15


@pytest.mark.parametrize("case", HKDF_CASES)
def test_hkdf(case: Case) -> None:
    salt, material, info = (bytes.fromhex(case[name]) for name in ("salt", "IKM", "info"))
    assert hkdf(salt, material, info, int(case["L"])).hex() == case["OKM"]


@pytest.mark.parametrize("case", ARGON_CASES)
def test_argon2id(case: Case) -> None:
    parameters = PasswordParameters(
        "argon2id", int(case["memcost"]), int(case["iter"]), int(case["lanes"])
    )
    password, salt = bytes.fromhex(case["pass"]), bytes.fromhex(case["salt"])
    assert argon2id(password, salt, parameters, int(case["length"])).hex() == case["output"]


def test_aes_256_gcm() -> None:
    for case in GCM_CASES:
        key, iv, associated_data = (bytes.fromhex(case[name]) for name in ("Key", "IV", "AAD"))
        ciphertext = bytes.fromhex(case["CT"] + case["Tag"])
        if "FAIL" in case:
            with pytest.raises(DecryptError):
                aead_open(key, iv + ciphertext, associated_data)
        else:
            plaintext = bytes.fromhex(case["PT"])
            assert aead_open(key, iv + ciphertext, associated_data) == plaintext
            sealed = aead_seal(key, plaintext, associated_data, lambda _, iv=iv: iv)
            assert sealed == iv + ciphertext


@pytest.mark.parametrize("case", ECDH_CASES)
def test_ecdh_on_p256(case: Case) -> None:
    own = AgreementKey.from_scalar(bytes.fromhex(case["dsIUT"]))
    public = bytes.fromhex("04" + case["QsCAVSx"] + case["QsCAVSy"])
    named = bytes.fromhex("04" + case["QsIUTx"] + case["QsIUTy"])
    if case["Result"].startswith("P"):
        assert own.public == named
        assert own.exchange(public).hex() == case["Z"]
    else:
        assert is_refused(own, public, named, case["Z"])


def is_refused(own: AgreementKey, public: bytes, named: bytes, secret: str) -> bool:
    """A point off the curve, a key pair that does not belong together, or another secret."""
    try:
        load_public_key(public)
        return own.public != named or own.exchange(public).hex() != secret
    except MalformedError:
        return True


@pytest.mark.parametrize("case", ECDSA_CASES)
def test_ecdsa_on_p256(case: Case) -> None:
    public = bytes.fromhex("04" + case["Qx"] + case["Qy"])
    message, signature = bytes.fromhex(case["Msg"]), bytes.fromhex(case["R"] + case["S"])
    assert verify_ecdsa(public, message, signature) == case["Result"].startswith("P")
