"""From a password to the key that logs in and the key that never leaves.

    salt    = H(T("SEAL1/pw-salt", email, salt16))
    MK      = Argon2id(NFC(password), salt, m = 65 536 KiB, t = 3, p = 1, 32)
    authKey = HKDF(Z32, MK, "SEAL1/auth", 32)                → sent
    KEK_pw  = HKDF(Z32, MK, "SEAL1/backup/kek-pw", 32)       → kept

A server may offer stronger parameters, never weaker ones: the floors are constants here.
Spec: SEAL1 §4.11.
"""

import unicodedata
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from client.seal.encoding import ID_BYTES, KEY_BYTES, ZERO_32, parse_t, require_bytes, t, u32
from client.seal.errors import MalformedError, TrustError, TrustReason
from client.seal.labels import Label
from client.seal.primitives import hkdf, sha256

ALGORITHM = "argon2id"
MIN_MEMORY_KIB = 65_536
MIN_TIME_COST = 3
MAX_MEMORY_KIB = 1_048_576
"""1 GiB; a server that asks for more wants the client to fall over."""
MAX_TIME_COST = 16
MAX_LANES = 16
MIN_PASSWORD_CHARACTERS = 10


@dataclass(frozen=True, slots=True)
class PasswordParameters:
    """How a password is stretched; as stored by the server and bound into the wrap."""

    algorithm: str = ALGORITHM
    memory_kib: int = MIN_MEMORY_KIB
    time_cost: int = MIN_TIME_COST
    lanes: int = 1

    def require_strong(self) -> None:
        """Refuse what a client must not compute with.

        Raises: TrustError `weak-parameters` below a floor, above a ceiling or for another algorithm
        """
        is_strong = (
            self.algorithm == ALGORITHM
            and MIN_MEMORY_KIB <= self.memory_kib <= MAX_MEMORY_KIB
            and MIN_TIME_COST <= self.time_cost <= MAX_TIME_COST
            and 1 <= self.lanes <= MAX_LANES
        )
        if not is_strong:
            raise TrustError(TrustReason.WEAK_PARAMETERS)

    def encode(self) -> bytes:
        """kdfParamsBytes: T("", algorithm, u32 memory, u32 time, u32 lanes)."""
        return t(
            "",
            self.algorithm.encode(),
            u32(self.memory_kib),
            u32(self.time_cost),
            u32(self.lanes),
        )


def parse_parameters(data: bytes) -> PasswordParameters:
    """Undo `PasswordParameters.encode`, without judging them.

    Raises: MalformedError
    """
    fields = parse_t("", data)
    if [len(part) for part in fields] != [len(ALGORITHM), 4, 4, 4]:
        raise MalformedError("password parameters")
    if fields[0] != ALGORITHM.encode():
        raise MalformedError("password algorithm")
    return PasswordParameters(ALGORITHM, *(int.from_bytes(cost, "big") for cost in fields[1:]))


@dataclass(frozen=True, slots=True)
class PasswordKeys:
    """The two halves; only `auth_key` is ever sent."""

    auth_key: bytes = field(repr=False)
    wrapping_key: bytes = field(repr=False)


def normalise_email(email: str) -> str:
    """The form of an address that names one account, here and at the server."""
    return email.strip().lower()


def password_salt(email: str, salt: bytes) -> bytes:
    """The 32-byte salt; `salt` is the 16 random bytes chosen at registration."""
    address = normalise_email(email).encode()
    return sha256(t(Label.PW_SALT, address, require_bytes(salt, ID_BYTES)))


def stretch_password(
    password: str, email: str, salt: bytes, parameters: PasswordParameters | None = None
) -> bytes:
    """MK: 32 bytes, after at least 64 MiB and a fraction of a second.

    Raises: TrustError `weak-parameters`
    """
    parameters = parameters or PasswordParameters()
    parameters.require_strong()
    return argon2id(
        unicodedata.normalize("NFC", password).encode(),
        password_salt(email, salt),
        parameters,
        KEY_BYTES,
    )


def argon2id(
    password: bytes, salt: bytes, parameters: PasswordParameters, length_bytes: int
) -> bytes:
    """RFC 9106, with whatever parameters it is given."""
    derivation = Argon2id(
        salt=salt,
        length=length_bytes,
        iterations=parameters.time_cost,
        lanes=parameters.lanes,
        memory_cost=parameters.memory_kib,
    )
    return derivation.derive(password)


def split_master_key(master_key: bytes) -> PasswordKeys:
    """What is sent and what is kept, neither of which says anything about the other."""
    return PasswordKeys(
        hkdf(ZERO_32, master_key, Label.AUTH_KEY.encode(), 32),
        hkdf(ZERO_32, master_key, Label.BACKUP_KEK_PW.encode(), 32),
    )


def derive_password_keys(
    password: str, email: str, salt: bytes, parameters: PasswordParameters | None = None
) -> PasswordKeys:
    """Stretch and split in one go.

    Raises: TrustError `weak-parameters`
    """
    return split_master_key(stretch_password(password, email, salt, parameters))
