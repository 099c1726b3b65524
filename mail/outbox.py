"""Mail for people who have no mail server: a file each, and its subject on the terminal."""

import asyncio
import logging
import os
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mail.message import compose
from models.ports import Clock

_log = logging.getLogger("sealroom.mail")
_UNSAFE = re.compile(r"[^A-Za-z0-9.@_+-]")


class Outbox:
    """`models.ports.Mailer` that writes `<ms>-<address>.eml`, readable by the owner only."""

    def __init__(self, directory: Path, clock: Clock, *, sender: str) -> None:
        self._directory = directory
        self._clock = clock
        self._sender = sender
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="outbox")

    def send(self, *, to: str, subject: str, body: str) -> None:
        """Write the mail soon; a whole file appears at once.

        Raises: ValueError for what would break a header
        """
        now_ms = self._clock.now_ms()
        message = compose(
            sender=self._sender, to=to, subject=subject, body=body, now_ms=now_ms, cte="8bit"
        )
        name = _UNSAFE.sub("_", to)
        self._writer.submit(self._write, now_ms, name, message.as_bytes(), f"{to} ← {subject}")

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.shutdown)

    def _write(self, now_ms: int, name: str, mail: bytes, line: str) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._directory / f".{secrets.token_hex(8)}"
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(mail)
            self._name(draft, now_ms, name)
        except OSError:
            _log.exception("a mail could not be written")
            return
        print(line, flush=True)

    def _name(self, draft: Path, now_ms: int, name: str) -> None:
        """Give the file its name, a millisecond later when that one is taken."""
        while True:
            try:
                os.link(draft, self._directory / f"{now_ms}-{name}.eml")
            except FileExistsError:
                now_ms += 1
                continue
            draft.unlink()
            return
