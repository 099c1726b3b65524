"""Password verifiers: bcrypt over a keyed hash of what the browser derived, off the event loop.

    stored = bcrypt(base64(HMAC-SHA256(pepper, auth_key)))        44 bytes; bcrypt takes 72

Two threads compute, at most 32 calls wait, and everybody else is asked to come back (S-01, S-03).
"""

import asyncio
import base64
import functools
import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from models.accounts import KdfParams
from protocol import limits
from protocol.errors import AppError, ErrorCode

Result = TypeVar("Result")

COST = 12  # about 240 ms of one core in 2026; the auth key behind it has cost Argon2id already
THREADS = 2
WAITING = 32


def require_strong(kdf: KdfParams) -> None:
    """Refuse parameters that would make the password cheap to guess (SEAL1 §4.11).

    Raises: AppError(weak_kdf)
    """
    if kdf.m_kib < limits.KDF_MIN_M_KIB or kdf.t < limits.KDF_MIN_T:
        raise AppError(ErrorCode.WEAK_KDF)


class BcryptHasher:
    """`models.ports.PasswordHasher` with bcrypt; `cost` is the logarithm of its rounds."""

    def __init__(self, *, pepper: bytes, cost: int = COST) -> None:
        self._pepper = pepper
        self._cost = cost
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bcrypt")
        self._calls = 0
        # What an unknown address is compared with, so that it costs what a known one costs (S-04).
        self._nobody = bcrypt.hashpw(self._keyed(b""), bcrypt.gensalt(cost))

    async def hash(self, auth_key: bytes) -> str:
        salt = bcrypt.gensalt(self._cost)
        return (await self._run(bcrypt.hashpw, self._keyed(auth_key), salt)).decode()

    async def verify(self, auth_key: bytes, stored: str | None) -> bool:
        hashed = self._nobody if stored is None else stored.encode()
        is_right = await self._run(bcrypt.checkpw, self._keyed(auth_key), hashed)
        return is_right and stored is not None

    def close(self) -> None:
        """Stop the threads; calls that wait are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _keyed(self, auth_key: bytes) -> bytes:
        return base64.b64encode(hmac.digest(self._pepper, auth_key, hashlib.sha256))

    async def _run(self, compute: Callable[[bytes, bytes], Result], *args: bytes) -> Result:
        if self._calls >= THREADS + WAITING:
            raise AppError(ErrorCode.UNAVAILABLE, "password queue is full")
        self._calls += 1
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, functools.partial(compute, *args))
        # Counted until the thread is done with it, also when whoever asked has gone.
        work.add_done_callback(lambda _: self._done())
        return await work

    def _done(self) -> None:
        self._calls -= 1
