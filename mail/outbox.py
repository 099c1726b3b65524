"""Mail for people who have no mail server: a file each, and its subject on the terminal."""

import asyncio
import contextlib
import logging
import os
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mail.message import compose
from models.ports import Clock, Settled

_log = logging.getLogger("sealroom.mail")
_UNSAFE = re.compile(r"[^A-Za-z0-9.@_+-]")


class Outbox:
    """`models.ports.Mailer` that writes `<ms>-<address>.eml`, readable by the owner only."""

    def __init__(self, directory: Path, clock: Clock, *, sender: str) -> None:
        self._directory = directory
        self._clock = clock
        self._sender = sender
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def send(
        self, *, to: str, subject: str, body: str, is_urgent: bool, settled: Settled | None = None
    ) -> None:
        """Write the mail soon, urgent or not; a whole file appears at once.

        Raises: ValueError for what would break a header
        """
        if self._is_closed:
            _log.warning("a mail was dropped: the process stops")
            return
        now_ms = self._clock.now_ms()
        message = compose(
            sender=self._sender, to=to, subject=subject, body=body, now_ms=now_ms, cte="8bit"
        )
        name = _UNSAFE.sub("_", to)
        loop = asyncio.get_running_loop()
        line = f"{to} ← {subject}"
        writing = loop.run_in_executor(
            self._writer, self._write, now_ms, name, message.as_bytes(), line
        )
        task = loop.create_task(self._deliver(writing, settled))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Write what is queued, wait until it is settled, and stop."""
        self._is_closed = True
        if self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.to_thread(self._writer.shutdown)

    async def _deliver(self, writing: asyncio.Future[bool], settled: Settled | None) -> None:
        """Settle what was written; here, for in the writer's thread codes would wait behind it."""
        if await writing and settled:
            await settled()

    def _write(self, now_ms: int, name: str, mail: bytes, line: str) -> bool:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._directory / f".{secrets.token_hex(8)}"
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                with os.fdopen(os.open(draft, flags, 0o600), "wb") as f:
                    f.write(mail)
                self._name(draft, now_ms, name)
            finally:
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)
        except OSError:
            _log.exception("a mail could not be written")
            return False
        # Nobody may read the terminal, or not these letters; the mail is there all the same.
        with contextlib.suppress(OSError, ValueError):
            print(line, flush=True)
        return True

    def _name(self, draft: Path, now_ms: int, name: str) -> None:
        """Give the file its name, a millisecond later when that one is taken."""
        while True:
            try:
                os.link(draft, self._directory / f"{now_ms}-{name}.eml")
            except FileExistsError:
                now_ms += 1
                continue
            return
